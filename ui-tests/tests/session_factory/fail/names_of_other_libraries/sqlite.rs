// mistakes: 4
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) {
        journal_mode = "WAL",
        busy_timeout = 5000,
        foreign_keys = true,
        create_if_missing = true,
    }
}

fn main() {}
