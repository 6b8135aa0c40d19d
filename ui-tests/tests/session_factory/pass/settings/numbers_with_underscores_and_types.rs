use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) {
        pool_size = 1_0,
        max_overflow = 5_u32,
        statement_cache = 0x10,
    }
}

fn main() {
    let config = AppDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| "sqlite::memory:".into()));
    let config = config.expect("all others have defaults");
    assert_eq!((config.pool_size, config.max_overflow, config.statement_cache), (10, 5, Some(16)));
}
