// mistakes: 9
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size: 1..=200 = env("POOL", default = 500),
        max_overflow: ..5 = 5,
        pool_timeout: "1s"..="1m" = "2m",
        slow_statement: 1..60 = env("SLOW", default = "500ms"),
        batch: u32 in 1..=1000 = env("BATCH", default = 0),
        ratio: f64 in 0.0..=1.0 = 1.5,
        pause: Option<std::time::Duration> in "1ms".. = env("PAUSE", default = "0s"),
        delta: i32 in -5..=5 = env("DELTA", default = -6),
    }
    pub struct Standard(Postgres) {
        prefix = "OTHER_",
        // 5 when nobody sets it.
        pool_size: 10..=20,
    }
}

fn main() {}
