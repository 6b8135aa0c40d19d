use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) {
        pool_size = 7
    }
}

fn main() {
    let config = AppDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| "sqlite::memory:".into()));
    let config = config.expect("all others have defaults");
    assert_eq!(config.pool_size, 7);
}
