// mistakes: 3
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool-size = 5,
        pool.timeout = "30s",
        max-connections = 5,
    }
}

fn main() {}
