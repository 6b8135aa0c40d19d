// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        echo = 1,
        pool_pre_ping = 0,
    }
}

fn main() {}
