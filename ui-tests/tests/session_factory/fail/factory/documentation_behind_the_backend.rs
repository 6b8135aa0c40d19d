// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) /// The application's.
    ;
    pub struct ReportsDb(/// The reports'.
        Postgres);
}

fn main() {}
