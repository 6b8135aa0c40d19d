// mistakes: 3
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size: 20..=1,
        max_overflow: 5..5 = 5,
        pool_timeout: "1m".."1s",
    }
}

fn main() {}
