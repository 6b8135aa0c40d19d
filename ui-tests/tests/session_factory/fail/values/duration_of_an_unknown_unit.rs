// mistakes: 4
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_timeout = "5 parsecs",
        pool_recycle = "1,5h",
        idle_timeout = "PT5M",
        connect_timeout = "5:00",
    }
}

fn main() {}
