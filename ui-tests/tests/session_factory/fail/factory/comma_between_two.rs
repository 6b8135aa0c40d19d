use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) { echo = true },
    pub struct ReportsDb(Postgres);
}

fn main() {}
