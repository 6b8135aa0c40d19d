// mistakes: 3
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        batch: u32 = std::env::var("BATCH").unwrap().parse().unwrap(),
        depth: u32 in 1..=5 = std::env::var("DEPTH"),
        width: u32 = env!("WIDTH"),
    }
}

fn main() {}
