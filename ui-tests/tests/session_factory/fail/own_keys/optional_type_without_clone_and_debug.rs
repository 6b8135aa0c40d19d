use std::str::FromStr;

use session_factory::session_factory;

pub struct Level;

impl FromStr for Level {
    type Err = std::convert::Infallible;

    fn from_str(_: &str) -> Result<Self, Self::Err> {
        Ok(Self)
    }
}

session_factory! {
    pub struct AppDb(Postgres) {
        level: Option<Level> = env("LEVEL"),
    }
}

fn main() {}
