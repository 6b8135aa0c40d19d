use session_factory::session_factory;

session_factory! {
    pub struct AppDbTwo(Sqlite);
}

session_factory! {
    pub struct AppDb(Sqlite);
}

fn main() {
    assert_eq!(AppDb::KEYS.len(), AppDbTwo::KEYS.len());
}
