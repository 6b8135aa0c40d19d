use std::convert::Infallible;
use std::str::FromStr;

use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) {
        hosts: Hosts = env("HOSTS", default = "a,b"),
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Hosts(Vec<String>);

impl FromStr for Hosts {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.split(',').map(str::to_owned).collect()))
    }
}

fn main() {
    let config = AppDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| "sqlite::memory:".into()));
    let config = config.expect("all others have defaults");
    assert_eq!(config.hosts, Hosts(vec!["a".into(), "b".into()]));
}
