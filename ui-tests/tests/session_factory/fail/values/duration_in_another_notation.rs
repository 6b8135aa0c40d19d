// mistakes: 4
use std::time::Duration;

use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_timeout = "1m30",
        pool_recycle = "01:00:00",
        connect_timeout = "PT10S",
        patience: Duration = env("PATIENCE", default = "2m30"),
    }
}

fn main() {}
