//! TLS for the drivers that have it: whom to trust, the client's identity, and error messages.

mod error;
mod files;
mod verify;

use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;

use self::error::Named;
pub(crate) use self::error::TlsError;
#[cfg(feature = "postgres")]
pub(crate) use self::error::explain;
use self::verify::Verifier;

/// How much of a server's certificate is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    Nothing,
    Authority,
    AuthorityAndName,
}

/// What a URL requires of TLS, with the names of the parameters that name its files.
pub(crate) struct Asked<'a> {
    pub(crate) check: Check,
    /// The file of the trusted authorities; `None` for the platform's own.
    pub(crate) roots: Option<&'a Path>,
    pub(crate) roots_parameter: &'static str,
    /// The client's own certificate, and its key.
    pub(crate) identity: Option<(&'a Path, &'a Path)>,
    pub(crate) identity_parameters: (&'static str, &'static str),
}

/// Returns rustls's configuration for what the URL requires.
///
/// # Errors
/// If a file cannot be read, or does not contain what its parameter requires.
pub(crate) fn client(asked: &Asked<'_>) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = match asked.check {
        Check::Nothing => Verifier::lax(Arc::clone(&provider)),
        check => {
            let parameter = asked.roots_parameter;
            let trusted = match asked.roots {
                Some(path) => files::roots(&Named { parameter, path })?,
                None => files::platform(parameter)?,
            };
            Verifier::strict(
                Arc::clone(&provider),
                trusted,
                check == Check::AuthorityAndName,
            )
        }
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Refused(error, asked.roots_parameter))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let Some((certificate, key)) = asked.identity else {
        return Ok(builder.with_no_client_auth());
    };
    let (of_certificate, of_key) = asked.identity_parameters;
    let chain = files::certificates(&Named {
        parameter: of_certificate,
        path: certificate,
    })?;
    let key = files::key(&Named {
        parameter: of_key,
        path: key,
    })?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(TlsError::Identity)
}
