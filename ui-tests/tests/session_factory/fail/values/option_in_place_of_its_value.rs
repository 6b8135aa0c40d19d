// mistakes: 4
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size = Some(5),
        statement_timeout = None,
        echo = Some(true),
        statement_cache = None,
    }
}

fn main() {}
