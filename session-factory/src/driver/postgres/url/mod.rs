//! Parses a PostgreSQL URL: libpq's two forms, with or without `SQLAlchemy`'s driver names.
//!
//! | part | is |
//! | --- | --- |
//! | `uri` | `postgres://user:password@host:5432/database?sslmode=require` |
//! | `pairs` | `host=localhost dbname=app` |
//! | `parameters` | what each parameter means, however it was written |
//!
//! Both forms become pairs of a name and a value. An error names the wrong part and quotes nothing
//! that could be a piece of the password: in a URL that is cut in the wrong place, each part may
//! contain one.

mod form;
mod hosts;
mod pairs;
mod parameters;
mod parsed;
mod uri;

use self::form::EXPECTED;
pub(super) use self::form::SCHEMES;
pub(super) use self::hosts::{Host, Lookup};
pub(super) use self::parsed::{Url, Wanted};
use crate::config::is_this_machine;

/// Parses a URL. The error's text continues a sentence, for example "its port is …".
pub(super) fn parse(url: &str) -> Result<Url, String> {
    let pairs = match uri::rest(url)? {
        Some(rest) => uri::pairs(rest)?,
        None if url.contains('=') => pairs::pairs(url)?,
        None => return Err(format!("it is not a PostgreSQL URL: {EXPECTED}")),
    };
    parameters::understand(&pairs)
}

/// Returns the URL for an instrumentation: the servers, and nothing that could be a piece of the password.
pub(super) fn shown(url: &str) -> String {
    let hosts = parse(url).map_or_else(|_| Vec::new(), |url| url.hosts);
    let hosts: Vec<_> = hosts.iter().map(Host::shown_unresolved).collect();
    format!("postgresql://{}", hosts.join(","))
}

/// Returns the first host in a URL that may not be this machine.
pub(super) fn elsewhere(url: &str) -> Option<String> {
    let hosts = parse(url).map_or_else(|_| Vec::new(), |url| url.hosts);
    let elsewhere = |host: &Host| match &host.lookup {
        Lookup::Folder(_) => false,
        Lookup::Address(address) => !address.is_loopback(),
        Lookup::Name => !is_this_machine(&host.name),
    };
    hosts.into_iter().find(elsewhere).map(|host| host.name)
}

#[cfg(test)]
mod tests;
