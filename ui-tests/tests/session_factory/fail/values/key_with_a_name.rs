// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size = env(key = "POOL", default = 7),
        max_overflow = env(default = 3, "OVERFLOW"),
    }
}

fn main() {}
