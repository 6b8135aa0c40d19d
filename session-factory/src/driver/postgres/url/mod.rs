//! What a PostgreSQL URL says: libpq's two forms, and `SQLAlchemy`'s driver names.
//!
//! | part | is |
//! | --- | --- |
//! | `uri` | `postgres://user:password@host:5432/database?sslmode=require` |
//! | `pairs` | `host=localhost dbname=app` |
//! | `parameters` | what each parameter means, however it was written |
//!
//! Both forms become pairs of a name and a value. An error names the part that is wrong and quotes nothing that
//! could be a piece of the password: a URL that is cut in the wrong place has pieces of it everywhere.

mod hosts;
mod pairs;
mod parameters;
mod uri;

use tokio_postgres::Config;

pub(super) use self::hosts::{Host, Lookup};
pub(super) use self::parameters::Wanted;
use super::connect::socket::Socket;
use super::connect::ssl_mode::Encryption;
use crate::driver::OpenPermit;

/// A URL, understood.
pub(super) struct Url {
    /// What the start-up message and the authentication need.
    pub(super) config: Config,
    /// In the order of the URL; never empty.
    pub(super) hosts: Vec<Host>,
    pub(super) encryption: Encryption,
    pub(super) wanted: Wanted,
    /// The hosts are tried in a random order.
    pub(super) shuffled: bool,
    pub(super) socket: Socket,
    /// Of the connection that is opened with it.
    pub(super) permit: Option<OpenPermit>,
}

/// A name and a value.
type Pair = (String, String);

/// The schemes of a URL.
pub(super) const SCHEMES: &[&str] = &["postgres", "postgresql"];

const EXPECTED: &str = "expected postgres://user:password@host:5432/database";

/// Parses a URL. The error says what is wrong, as "its port is …".
pub(super) fn parse(url: &str) -> Result<Url, String> {
    let pairs = match uri::rest(url)? {
        Some(rest) => uri::pairs(rest)?,
        None if url.contains('=') => pairs::pairs(url)?,
        None => return Err(format!("it is not a PostgreSQL URL: {EXPECTED}")),
    };
    parameters::understand(&pairs)
}

/// A URL as an instrumentation is shown it: where the server is, and nothing that could be a piece of the password.
pub(super) fn shown(url: &str) -> String {
    let hosts = parse(url).map_or_else(|_| Vec::new(), |url| url.hosts);
    let hosts: Vec<_> = hosts.iter().map(Host::shown_unresolved).collect();
    format!("postgresql://{}", hosts.join(","))
}

#[cfg(test)]
mod tests;
