// mistakes: 3
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        batch: u32 = env("BATCH", default = None),
        limit: u32 in 1..=10 = None,
        depth: u32 = env("DEPTH", default = Some(5)),
    }
}

fn main() {}
