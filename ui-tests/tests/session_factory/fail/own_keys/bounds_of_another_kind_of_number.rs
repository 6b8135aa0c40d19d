// mistakes: 3
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        ratio: f64 in 0..1 = env("RATIO"),
        share: f32 in 0..=0.5 = 0.1,
        batch: u32 in 0.5..=10.0 = 5,
    }
}

fn main() {}
