// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size = env("POOL", default => 7),
        max_overflow = env("OVERFLOW", default == 3),
    }
}

fn main() {}
