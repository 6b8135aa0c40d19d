use std::collections::HashMap;

use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        labels: HashMap<String, String> = env("LABELS"),
    }
}

fn main() {}
