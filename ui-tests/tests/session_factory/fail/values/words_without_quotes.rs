// mistakes: 4
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        echo = yes,
        idle_timeout = never,
        statement_cache = off,
        slow_statement = off,
    }
}

fn main() {}
