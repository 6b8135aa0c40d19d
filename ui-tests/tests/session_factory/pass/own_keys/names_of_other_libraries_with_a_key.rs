//! A key of one's own may have the name of another library's setting where it names its key.
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) {
        max_connections: u32 = env("WORKERS_MAX", default = 10),
        timeout: std::time::Duration = env("UPSTREAM_TIMEOUT", default = "5s"),
        port: u16 = env("PORT", default = 8080),
    }
}

fn main() {
    let config = AppDbConfig::from_vars(|key| match key {
        "DATABASE_URL" => Some("sqlite::memory:".into()),
        "PORT" => Some("9000".into()),
        _ => None,
    });
    let config = config.unwrap();
    assert_eq!((config.max_connections, config.port), (10, 9000));
    assert_eq!(config.timeout, std::time::Duration::from_secs(5));
}
