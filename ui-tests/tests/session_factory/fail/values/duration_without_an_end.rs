// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_timeout = Duration::MAX,
        statement_timeout = Duration::ZERO,
    }
}

fn main() {}
