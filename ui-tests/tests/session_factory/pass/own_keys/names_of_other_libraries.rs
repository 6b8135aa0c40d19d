use std::time::Duration;

use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) {
        max_connections: u32 = env("MAX", default = 3),
        host: String = env("HOST", default = "here"),
        timeout: Duration = env("LIMIT", default = "5s"),
    }
}

fn main() {
    let config = AppDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| "sqlite::memory:".into()));
    let config = config.expect("all others have defaults");
    assert_eq!((config.max_connections, config.host.as_str()), (3, "here"));
    assert_eq!(config.timeout, Duration::from_secs(5));
}
