// mistakes: 3
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size: u32 = 5,
        pool_timeout: Duration,
        max_overflow: u32 in 0..=20,
    }
}

fn main() {}
