// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size = 5_000_000_000,
        max_overflow = 99999999999999999999999,
    }
}

fn main() {}
