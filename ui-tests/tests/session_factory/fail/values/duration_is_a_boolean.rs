// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        slow_statement = false,
        pool_timeout = true,
    }
}

fn main() {}
