session_factory::session_factory! {
    pub struct AppDb(Sqlite);
}

fn main() {
    assert_eq!(AppDb::KEYS[0].name, "DATABASE_URL");
}
