// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        [pool]
        size = 5,
        pool.timeout = "30s",
    }
}

fn main() {}
