// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_timeout = 30 seconds,
        idle_timeout = 5 min,
    }
}

fn main() {}
