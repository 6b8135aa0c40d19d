// mistakes: 3
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        ratio: f64 = env("RATIO", default = 1),
        strict: bool = 1,
        batch: u32 = true,
    }
}

fn main() {}
