// mistakes: 11
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size: 200..=1,
        max_overflow: 5..5 = 5,
        pool_timeout: "soon"..="later",
        echo: 0..=1,
        url: 1..2,
        batch: u32 in = 5,
        rows: u32 in .. = 5,
        lines: u32 in 1..= = 5,
        name: String in 1..=5 = env("NAME"),
        limit: u32 in "1s".. = 5,
        prefix: 1..2 = "X_",
    }
}

fn main() {}
