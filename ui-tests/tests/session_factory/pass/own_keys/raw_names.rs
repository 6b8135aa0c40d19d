use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) {
        r#type: String = env("TYPE", default = "a"),
        r#match: u8 = 5,
    }
}

fn main() {
    let config = AppDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| "sqlite::memory:".into()));
    let config = config.expect("all others have defaults");
    assert_eq!((config.r#type.as_str(), config.r#match), ("a", 5));
}
