use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres)

    pub struct ReportsDb(Sqlite) {
        prefix = "REPORTS_",
    }
}

fn main() {}
