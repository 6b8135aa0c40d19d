//! What a URL says, once it is understood.

use tokio_postgres::Config;

use super::hosts::Host;
use crate::driver::OpenPermit;
use crate::driver::postgres::connect::socket::Socket;
use crate::driver::postgres::connect::ssl_mode::Encryption;

/// A URL, understood.
pub(in crate::driver::postgres) struct Url {
    /// What the start-up message and the authentication need.
    pub(in crate::driver::postgres) config: Config,
    /// In the order of the URL; never empty.
    pub(in crate::driver::postgres) hosts: Vec<Host>,
    pub(in crate::driver::postgres) encryption: Encryption,
    pub(in crate::driver::postgres) wanted: Wanted,
    /// The hosts are tried in a random order.
    pub(in crate::driver::postgres) shuffled: bool,
    pub(in crate::driver::postgres) socket: Socket,
    /// Of the connection that is opened with it.
    pub(in crate::driver::postgres) permit: Option<OpenPermit>,
}

/// `target_session_attrs`: what the server has to be.
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

    /// As the URL has it.
    pub(in crate::driver::postgres) fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find_map(|(name, value)| (*value == self).then_some(*name))
            .unwrap_or_default()
    }
}
