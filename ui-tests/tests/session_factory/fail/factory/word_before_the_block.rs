// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) with { echo = true }
    pub struct ReportsDb(Postgres): { echo = true }
}

fn main() {}
