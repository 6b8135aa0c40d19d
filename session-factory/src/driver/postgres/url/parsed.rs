//! A parsed URL.

use tokio_postgres::Config;

use super::hosts::Host;
use crate::driver::OpenPermit;
use crate::driver::postgres::connect::socket::Socket;
use crate::driver::postgres::connect::ssl_mode::Encryption;

/// A parsed URL.
pub(in crate::driver::postgres) struct Url {
    /// Values for the startup message and the authentication.
    pub(in crate::driver::postgres) config: Config,
    /// The hosts in the URL's order; never empty.
    pub(in crate::driver::postgres) hosts: Vec<Host>,
    pub(in crate::driver::postgres) encryption: Encryption,
    pub(in crate::driver::postgres) wanted: Wanted,
    /// True if the hosts are tried in random order.
    pub(in crate::driver::postgres) shuffled: bool,
    pub(in crate::driver::postgres) socket: Socket,
    /// The permit of the connection that is opened with this URL.
    pub(in crate::driver::postgres) permit: Option<OpenPermit>,
}

/// `target_session_attrs`: the required kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::driver::postgres) enum Wanted {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

impl Wanted {
    pub(super) const NAMES: [(&'static str, Self); 6] = [
        ("any", Self::Any),
        ("read-write", Self::ReadWrite),
        ("read-only", Self::ReadOnly),
        ("primary", Self::Primary),
        ("standby", Self::Standby),
        ("prefer-standby", Self::PreferStandby),
    ];

    /// Returns the name that the URL uses.
    pub(in crate::driver::postgres) fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find_map(|(name, value)| (*value == self).then_some(*name))
            .unwrap_or_default()
    }
}
