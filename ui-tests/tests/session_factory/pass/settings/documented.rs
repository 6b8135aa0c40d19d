use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) {
        /// As many as the server carries.
        pool_size = 3,
        /** Rows per batch. */
        batch: u32 = env("BATCH", default = 500),
    }
}

fn main() {
    let config = AppDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| "sqlite::memory:".into()));
    let config = config.expect("all others have defaults");
    assert_eq!((config.pool_size, config.batch), (3, 500));
    assert!(AppDb::env_example().contains("Rows per batch."));
}
