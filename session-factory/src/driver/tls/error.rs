//! Errors of TLS.

use std::io;
use std::path::Path;

use rustls::CertificateError;

/// Why a stream could not be encrypted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// A file that a parameter of the URL names. The message omits a path that does not exist, because
    /// such a path may be a piece of the password.
    #[error("the file that {parameter} names{}: {problem}", shown(.path.as_deref()))]
    File {
        parameter: &'static str,
        path: Option<String>,
        problem: String,
    },
    #[error("this platform has no trusted authorities: name a root certificate with {0}")]
    NoPlatformRoots(&'static str),
    #[error("its host has a name that no certificate could be for")]
    Name,
    #[error("the client's certificate and its key do not fit together: {0}")]
    Identity(rustls::Error),
    #[error("{}", explain(.0, .1))]
    Refused(rustls::Error, &'static str),
    #[cfg(feature = "postgres")]
    #[error("the server's answer to the request for TLS is not PostgreSQL's")]
    NotPostgres,
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the certificates could not be read: the runtime shuts down")]
    Interrupted,
}

impl TlsError {
    pub(super) fn file(file: &Named<'_>, problem: impl Into<String>) -> Self {
        let Named { parameter, path } = *file;
        Self::File {
            parameter,
            path: path.exists().then(|| path.display().to_string()),
            problem: problem.into(),
        }
    }
}

impl TlsError {
    /// Converts a handshake's error. `roots` is the parameter that names the trusted authorities.
    pub(crate) fn of_handshake(error: io::Error, roots: &'static str) -> Self {
        let said = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>())
            .cloned();
        said.map_or(Self::Io(error), |said| Self::Refused(said, roots))
    }
}

/// A file, and the parameter of the URL that names it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) parameter: &'static str,
    pub(crate) path: &'a Path,
}

fn shown(path: Option<&str>) -> String {
    path.map(|path| format!(" ({path})")).unwrap_or_default()
}

/// Returns rustls's own message, except for the most frequent error.
pub(crate) fn explain(error: &rustls::Error, roots: &str) -> String {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            format!(
                "its certificate comes from no authority that is trusted here ({roots} names one)"
            )
        }
        error => error.to_string(),
    }
}
