use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) {
        limit: Option<u32> = env("LIMIT", default = 5),
        rest: Option<u64> = 7,
        name: Option<String> = env("NAME", default = "x"),
        none: Option<u8> = env("NONE"),
    }
}

fn main() {
    let config = AppDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| "sqlite::memory:".into()));
    let config = config.expect("all others have defaults");
    assert_eq!((config.limit, config.rest, config.none), (Some(5), Some(7), None));
    assert_eq!(config.name.as_deref(), Some("x"));
}
