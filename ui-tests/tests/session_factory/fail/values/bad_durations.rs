// mistakes: 5
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_timeout = "soon",
        pool_recycle = "0s",
        idle_timeout = 0,
        connect_timeout = "-5s",
        statement_timeout = "5 parsecs",
    }
}

fn main() {}
