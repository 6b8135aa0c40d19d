// mistakes: 1
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres);
    pub struct ReportsDb(AppDb);
}

fn main() {}
