// mistakes: 3
use std::time::Duration;

use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        every: Duration = env("EVERY", default = "often"),
        rest: Duration = Duration::from_secs(5),
        pause: Duration = true,
    }
}

fn main() {}
