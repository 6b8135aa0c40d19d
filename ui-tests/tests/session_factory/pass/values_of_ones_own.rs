//! A type of one's own, constants by name, and attributes on the factory.

use session_factory::config::ConfigValue;
use session_factory::session_factory;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Level {
    Low,
    High,
}

impl ConfigValue for Level {
    fn expected() -> String {
        "`low` or `high`".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            "low" => Some(Self::Low),
            "high" => Some(Self::High),
            _ => None,
        }
    }
}

const LIMIT: u64 = 3;

session_factory! {
    #[derive(Debug, PartialEq)]
    #[doc(alias = "database")]
    pub struct AppDb(Sqlite) {
        level: Level = env("LEVEL", default = "high"),
        other: Level = env("OTHER", default = Level::Low),
        limit: u64 = env("LIMIT", default = LIMIT * 2),
        fixed: Level = Level::High,
        required: std::net::SocketAddr = env("LISTEN"),
    }
}

fn main() {
    let config = AppDbConfig::from_vars(|key| match key {
        "DATABASE_URL" => Some("sqlite::memory:".to_owned()),
        "LISTEN" => Some("127.0.0.1:80".to_owned()),
        _ => None,
    })
    .unwrap();
    assert_eq!((config.level, config.other, config.fixed), (Level::High, Level::Low, Level::High));
    assert_eq!((config.limit, config.required.port()), (6, 80));
    let error = AppDbConfig::from_vars(|key| (key == "LEVEL").then(|| "mid".to_owned())).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("LEVEL is malformed; expected `low` or `high`; found `mid`"), "{text}");
    assert!(text.contains("LISTEN is not set"), "{text}");
    assert!(text.contains("DATABASE_URL is not set"), "{text}");
}
