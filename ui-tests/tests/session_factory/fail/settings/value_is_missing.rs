// mistakes: 5
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size,
        echo =,
        batch: u16,
        prefix,
        limit: u32 in 1..=9,
    }
}

fn main() {}
