// mistakes: 3
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size = POOL_SIZE,
        max_overflow = 2 * 5,
        echo = cfg!(debug_assertions),
    }
}

fn main() {}
