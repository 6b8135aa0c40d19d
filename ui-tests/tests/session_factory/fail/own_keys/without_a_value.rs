// mistakes: 2
use std::time::Duration;

use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        batch: u32,
        rest: Duration in "1s"..="5s",
    }
}

fn main() {}
