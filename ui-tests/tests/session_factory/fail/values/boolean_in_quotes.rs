// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        echo = "true",
        pool_pre_ping = "off",
    }
}

fn main() {}
