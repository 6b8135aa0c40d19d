use session_factory::config::ConfigValue;
use session_factory::session_factory;

#[derive(Clone, Debug, PartialEq)]
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

session_factory! {
    pub struct AppDb(Sqlite) {
        level: Level = env("LEVEL", default = "high"),
        fixed: Level = Level::Low,
    }
}

fn main() {
    let config = AppDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| "sqlite::memory:".into()));
    let config = config.expect("all others have defaults");
    assert_eq!((config.level, config.fixed), (Level::High, Level::Low));
}
