// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size: POOL_SIZE,
        max_overflow = MAX_OVERFLOW,
    }
}

fn main() {}
