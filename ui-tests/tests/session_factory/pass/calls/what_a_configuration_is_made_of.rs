use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite);
}

fn main() {
    let config = AppDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| "sqlite::memory:".into()));
    let config = AppDbConfig { pool_size: 2, max_overflow: 0, ..config.expect("all others have defaults") };
    assert_eq!((config.pool_size, config.max_overflow), (2, 0));
    assert!(AppDb::env_example().contains("DATABASE_URL"));
    assert!(AppDbConfig::from_vars(|_| None).is_err());
}
