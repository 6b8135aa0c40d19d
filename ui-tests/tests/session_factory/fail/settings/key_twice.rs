// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        echo = env("FLAG"),
        pool_pre_ping = env("FLAG"),
        batch: u32 = env("DB_POOL_SIZE", default = 1),
    }
}

fn main() {}
