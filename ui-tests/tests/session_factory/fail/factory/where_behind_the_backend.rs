// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) where
        Self: Send;
    pub struct ReportsDb(Sqlite): Clone;
}

fn main() {}
