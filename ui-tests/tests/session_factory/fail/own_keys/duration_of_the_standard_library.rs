// mistakes: 2
use std::time::Duration;

use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        ttl: Duration = Duration::from_mins(5),
        pause: Duration = env("PAUSE", default = Duration::from_millis(250)),
    }
}

fn main() {}
