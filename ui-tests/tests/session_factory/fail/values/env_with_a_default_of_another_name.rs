// mistakes: 3
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size = env("POOL", or = 5),
        echo = env("ECHO", fallback = true),
        max_overflow = env("OVERFLOW", Default = 5),
    }
}

fn main() {}
