// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        echo = env(ECHO),
        pool_size = env(key = "POOL"),
    }
}

fn main() {}
