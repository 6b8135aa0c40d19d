use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) {
        prefix = "APP_",
        echo = env("ECHO"),
    }
}

fn main() {
    let names: Vec<_> = AppDb::KEYS.iter().map(|key| key.name).collect();
    assert!(names.contains(&"APP_DATABASE_URL") && names.contains(&"ECHO"), "{names:?}");
    assert!(!names.contains(&"DB_ECHO") && !names.contains(&"APP_DB_ECHO"), "{names:?}");
}
