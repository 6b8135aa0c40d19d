use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres);

    pub struct ReportsDb(Postgres) {
        prefix = "REPORTS_",
    }

    struct LocalDb(Sqlite) {
        prefix = "LOCAL_"
    }
}

fn main() {
    let names = (AppDb::KEYS[0].name, ReportsDb::KEYS[0].name, LocalDb::KEYS[0].name);
    assert_eq!(names, ("DATABASE_URL", "REPORTS_DATABASE_URL", "LOCAL_DATABASE_URL"));
}
