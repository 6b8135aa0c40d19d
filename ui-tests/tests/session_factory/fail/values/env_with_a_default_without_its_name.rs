// mistakes: 3
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size = env("POOL", 5),
        echo = env("ECHO", true),
        url = env("APP_URL", "DATABASE_URL"),
    }
}

fn main() {}
