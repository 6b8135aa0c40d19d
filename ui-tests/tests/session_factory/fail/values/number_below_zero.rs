// mistakes: 3
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size = -1,
        max_overflow = -1,
        pool_recycle = -1,
    }
}

fn main() {}
