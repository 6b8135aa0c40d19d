use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use session_factory::config::SecretString;
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) {
        batch: u32 = env("BATCH", default = 500),
        ratio: f64 = env("RATIO", default = 0.5),
        name: String = env("NAME", default = "x"),
        strict: bool = env("STRICT", default = "yes"),
        every: Duration = env("EVERY", default = "1h"),
        folder: PathBuf = env("FOLDER", default = "/tmp"),
        listen: Option<SocketAddr> = env("LISTEN"),
        token: Option<SecretString> = env("TOKEN"),
    }
}

fn main() {
    let config = AppDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| "sqlite::memory:".into()));
    let config = config.expect("all others have defaults");
    assert_eq!((config.batch, config.strict, config.every), (500, true, Duration::from_secs(3600)));
    assert!(config.listen.is_none() && config.token.is_none());
}
