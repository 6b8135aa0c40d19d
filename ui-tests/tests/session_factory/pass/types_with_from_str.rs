#![deny(warnings, clippy::pedantic, unreachable_pub)]
//! Own keys of types that session-factory knows nothing about: a `FromStr` is enough.

use std::net::{Ipv4Addr, SocketAddrV6};
use std::num::NonZeroU8;
use std::str::FromStr;

use session_factory::session_factory;

#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub(crate) struct Percent(u8);

impl FromStr for Percent {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.trim_end_matches('%').parse().map(Self)
    }
}

session_factory! {
    pub(crate) struct AppDb(Sqlite) {
        full: Percent = env("FULL", default = "100%"),
        half: Percent = env("HALF", default = Percent(50)),
        quarter: Percent = "25%",
        built: Percent = build_env("SESSION_FACTORY_NOBODY_SETS_PERCENT", default = "10%"),
        maybe: Option<Percent> = env("MAYBE"),
        address: Ipv4Addr = env("ADDRESS", default = "127.0.0.1"),
        six: Option<SocketAddrV6> = env("SIX"),
        few: NonZeroU8 = env("FEW", default = "1"),
    }
}

#[allow(clippy::unwrap_used)]
fn main() {
    let vars = |key: &str| match key {
        "DATABASE_URL" => Some("sqlite::memory:".to_owned()),
        "MAYBE" => Some("1%".to_owned()),
        _ => None,
    };
    let config = AppDbConfig::from_vars(vars).unwrap();
    let printed = format!("{:?}", config.clone());
    for part in ["AppDbConfig { url: ", "full: Percent(100)", "maybe: Some(Percent(1))", "six: None"] {
        assert!(printed.contains(part), "{part} in {printed}");
    }
    assert_eq!((config.full, config.half, config.quarter), (Percent(100), Percent(50), Percent(25)));
    assert_eq!((config.built, config.maybe, config.six), (Percent(10), Some(Percent(1)), None));
    assert_eq!((config.address, config.few.get()), (Ipv4Addr::LOCALHOST, 1));
    let error = AppDbConfig::from_vars(|_| Some("no".to_owned())).unwrap_err().to_string();
    for part in [
        "FULL is malformed; expected a value of the type `Percent`; found `no`",
        "MAYBE is malformed; expected a value of the type `Percent`; found `no`",
        "ADDRESS is malformed; expected a value of the type `Ipv4Addr`",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
}
