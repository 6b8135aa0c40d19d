// mistakes: 3
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        batch = env("BATCH"): u32,
        depth = env("DEPTH", default = 5) as u32,
        pool_size = env("POOL") as u32,
    }
}

fn main() {}
