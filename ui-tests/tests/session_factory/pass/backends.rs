use session_factory::session_factory;

session_factory! {
    /// One.
    pub struct OnPostgres(Postgres);
    /// Another.
    pub struct OnSqlite(Sqlite) {
        prefix = "LITE_",
    }
}

fn main() {
    assert_eq!(OnPostgres::KEYS[0].name, "DATABASE_URL");
    assert_eq!(OnSqlite::KEYS[0].name, "LITE_DATABASE_URL");
}
