use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) {
        pool_size = build_env("SESSION_FACTORY_NOBODY_SETS_THIS", default = 9),
        statement_timeout = build_env("SESSION_FACTORY_NOR_THIS"),
    }
}

fn main() {
    let config = AppDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| "sqlite::memory:".into()));
    let config = config.expect("all others have defaults");
    assert_eq!((config.pool_size, config.statement_timeout), (9, None));
}
