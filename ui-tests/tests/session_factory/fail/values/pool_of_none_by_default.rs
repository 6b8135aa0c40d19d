// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size = env("POOL", default = 0),
        max_overflow = env("OVERFLOW", default = 5_000_000_000),
    }
}

fn main() {}
