// mistakes: 5
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        url = env("APP_URL", "DATABASE_URL"),
        echo = env("ECHO", "DEBUG", default = true),
        pool_size = env("POOL").or(env("POOL_SIZE")),
        max_overflow = env(["MORE", "OVERFLOW"]),
        batch: u32 = env("BATCH") || env("BATCH_SIZE"),
    }
}

fn main() {}
