// mistakes: 2
use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::str::FromStr;

use session_factory::session_factory;

#[derive(Debug, Clone)]
pub struct Region(Rc<str>);

impl FromStr for Region {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.into()))
    }
}

#[derive(Debug, Clone)]
pub struct Count(Cell<u32>);

impl FromStr for Count {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Cell::new).map(Self)
    }
}

session_factory! {
    pub struct AppDb(Sqlite) {
        region: Region = env("REGION"),
        count: Option<Count> = env("COUNT"),
    }
}

fn main() {
    let _ = AppDb::describe();
}
