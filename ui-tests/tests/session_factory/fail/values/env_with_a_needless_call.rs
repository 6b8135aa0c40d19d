// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size = env("POOL").parse(),
        batch: u32 = env("BATCH").unwrap(),
    }
}

fn main() {}
