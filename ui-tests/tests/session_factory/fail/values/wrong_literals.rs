// mistakes: 7
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        echo = "true",
        pool_size = "5",
        max_overflow = -1,
        pool_pre_ping = 1,
        statement_cache = "none",
        pool_timeout = true,
        connect_timeout = env("CONNECT", default = false),
    }
}

fn main() {}
