use session_factory::session_factory;

fn key() -> &'static str {
    session_factory! {
        struct AppDb(Sqlite);
    }
    AppDb::KEYS[0].name
}

fn main() {
    assert_eq!(key(), "DATABASE_URL");
}
