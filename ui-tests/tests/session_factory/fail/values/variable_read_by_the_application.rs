// mistakes: 5
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        echo = std::env::var("ECHO"),
        pool_size = env!("POOL_SIZE"),
        max_overflow = option_env!("OVERFLOW"),
        pool_timeout = getenv("TIMEOUT"),
        pool_pre_ping = env::var("PING").is_ok(),
    }
}

fn main() {}
