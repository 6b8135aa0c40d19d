// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size: (1..=10) = 5,
        max_overflow: [0..20],
    }
}

fn main() {}
