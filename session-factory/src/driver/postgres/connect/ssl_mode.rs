//! The URL's encryption settings: libpq's `sslmode` and the files that belong to it.

use std::path::PathBuf;

#[cfg(feature = "tls")]
use crate::driver::tls::Check;

/// The URL's encryption settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Encryption {
    pub(crate) mode: Mode,
    /// `sslrootcert`. `None`: the platform's root certificates.
    pub(crate) roots: Option<Roots>,
    /// `sslcert` and `sslkey`: the client's own certificate.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
}

/// `sslmode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mode {
    Disable,
    /// TLS if the server has it, and a plain connection if TLS fails.
    Prefer,
    /// TLS with any certificate.
    Require,
    /// TLS with a certificate from a trusted authority, for any name.
    VerifyCa,
    /// TLS with a certificate from a trusted authority, for the host's name.
    VerifyFull,
}

/// `sslrootcert`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Roots {
    /// `system`: the platform's root certificates.
    System,
    File(PathBuf),
}

impl Mode {
    pub(crate) const NAMES: [(&'static str, Self); 5] = [
        ("disable", Self::Disable),
        ("prefer", Self::Prefer),
        ("require", Self::Require),
        ("verify-ca", Self::VerifyCa),
        ("verify-full", Self::VerifyFull),
    ];
}

#[cfg(feature = "tls")]
impl Encryption {
    /// Returns what to verify. As in libpq, a given `sslrootcert` is used even in a mode that requires no verification.
    pub(crate) fn check(&self) -> Check {
        match self.mode {
            Mode::VerifyFull => Check::AuthorityAndName,
            Mode::VerifyCa => Check::Authority,
            _ if self.roots.is_some() => Check::Authority,
            _ => Check::Nothing,
        }
    }
}
