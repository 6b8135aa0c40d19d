//! Errors of TLS.

use std::io;
use std::path::Path;

use rustls::CertificateError;

/// Why a stream could not be encrypted.
#[derive(Debug, thiserror::Error)]
pub(in crate::driver::postgres) enum TlsError {
    /// A file that a parameter of the URL names. The message omits a path that does not exist: it
    /// may be a piece of the password.
    #[error("the file that {parameter} names{}: {problem}", shown(.path.as_deref()))]
    File {
        parameter: &'static str,
        path: Option<String>,
        problem: String,
    },
    #[error("this platform has no trusted authorities: name a root certificate with sslrootcert")]
    NoPlatformRoots,
    #[error("its host has a name that no certificate could be for")]
    Name,
    #[error("the client's certificate and its key do not fit together: {0}")]
    Identity(rustls::Error),
    #[error("{}", explain(.0))]
    Refused(#[from] rustls::Error),
    #[error("the server's answer to the request for TLS is not PostgreSQL's")]
    NotPostgres,
    #[error("{0}")]
    Io(io::Error),
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

impl From<io::Error> for TlsError {
    fn from(error: io::Error) -> Self {
        let said = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>())
            .cloned();
        said.map_or(Self::Io(error), Self::Refused)
    }
}

/// A file, and the parameter of the URL that names it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) parameter: &'static str,
    pub(super) path: &'a Path,
}

fn shown(path: Option<&str>) -> String {
    path.map(|path| format!(" ({path})")).unwrap_or_default()
}

/// The library's own message, except for the most frequent case.
pub(in crate::driver::postgres) fn explain(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "its certificate comes from no authority that is trusted here (sslrootcert names one)"
                .to_owned()
        }
        error => error.to_string(),
    }
}
