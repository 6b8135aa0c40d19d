// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_timeout: "soon"..="later",
        max_overflow: "1s"..="5m",
    }
}

fn main() {}
