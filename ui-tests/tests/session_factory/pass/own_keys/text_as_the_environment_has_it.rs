use std::time::Duration;

use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) {
        batch: u32 = env("BATCH", default = "500"),
        strict: bool = "yes",
        every: Duration = env("EVERY", default = 60),
    }
}

fn main() {
    let config = AppDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| "sqlite::memory:".into()));
    let config = config.expect("all others have defaults");
    assert_eq!((config.batch, config.strict, config.every), (500, true, Duration::from_secs(60)));
}
