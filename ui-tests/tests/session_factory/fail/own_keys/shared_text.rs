use std::sync::Arc;

use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        name: Arc<str> = env("NAME"),
    }
}

fn main() {}
