// mistakes: 9
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        retries: u32 = env("RETRIES", default = 3, max = 10),
        batch: u32 = env("BATCH", min = 1, max = 100, default = 5),
        ratio: f64 = env("RATIO", default = 0.5, range = 0.0..=1.0),
        pool_size = env("APP_SIZE", max = 10),
        tries: u32 0..=10 = env("TRIES", default = 3),
        turns: u32: 0..=10 = env("TURNS", default = 3),
        rounds: u32 within 0..=10 = 3,
        max_overflow: u32 0..=10 = 5,
        steps: u32 = env("STEPS") in 0..=10,
    }
}

fn main() {}
