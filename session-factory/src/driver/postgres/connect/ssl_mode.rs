//! What the URL asks of the encryption: libpq's `sslmode` and the files that belong to it.

use std::path::PathBuf;

/// Encryption as the URL asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Encryption {
    pub(crate) mode: Mode,
    /// `sslrootcert`. None: the platform's own.
    pub(crate) roots: Option<Roots>,
    /// `sslcert` and `sslkey`: the client's own certificate.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
}

/// `sslmode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mode {
    Disable,
    /// TLS when the server has it, and a plain connection when that fails.
    Prefer,
    /// TLS, with whatever certificate.
    Require,
    /// TLS with a certificate of an authority that is trusted, for whatever name.
    VerifyCa,
    /// TLS with a certificate of an authority that is trusted, for the host's name.
    VerifyFull,
}

/// `sslrootcert`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Roots {
    /// `system`: the platform's own.
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

/// How much of a server's certificate is looked at.
#[cfg(feature = "tls")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    Nothing,
    Authority,
    AuthorityAndName,
}

#[cfg(feature = "tls")]
impl Encryption {
    /// As libpq: a root certificate that is given is used, also by a mode that does not ask for one.
    pub(crate) fn check(&self) -> Check {
        match self.mode {
            Mode::VerifyFull => Check::AuthorityAndName,
            Mode::VerifyCa => Check::Authority,
            _ if self.roots.is_some() => Check::Authority,
            _ => Check::Nothing,
        }
    }
}
