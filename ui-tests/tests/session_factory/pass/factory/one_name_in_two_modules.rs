use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite);
}

mod reports {
    session_factory::session_factory! {
        pub struct AppDb(Postgres) {
            prefix = "REPORTS_",
        }
    }
}

fn main() {
    session_factory! {
        struct AppDb(Sqlite) {
            prefix = "INNER_",
        }
    }
    assert_eq!(AppDb::KEYS[0].name, "INNER_DATABASE_URL");
    assert_eq!(reports::AppDb::KEYS[0].name, "REPORTS_DATABASE_URL");
    assert_eq!(self::AppDb::KEYS[0].name, "DATABASE_URL");
}
