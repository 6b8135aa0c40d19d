//! Reads certificates and keys: from files, and from the platform's store.

use std::sync::{Arc, OnceLock};

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::TlsError;
use super::error::Named;
use super::verify::Trusted;

/// The authorities that the platform trusts. There are hundreds, so they are read once.
static PLATFORM: OnceLock<Arc<RootCertStore>> = OnceLock::new();

pub(super) fn platform(parameter: &'static str) -> Result<Trusted, TlsError> {
    let trusted = |roots: &Arc<RootCertStore>| Trusted {
        roots: Arc::clone(roots),
        given: Vec::new(),
    };
    if let Some(roots) = PLATFORM.get() {
        return Ok(trusted(roots));
    }
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _ignored) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        return Err(TlsError::NoPlatformRoots(parameter));
    }
    Ok(trusted(PLATFORM.get_or_init(|| Arc::new(roots))))
}

pub(super) fn roots(file: &Named<'_>) -> Result<Trusted, TlsError> {
    let given = certificates(file)?;
    let mut roots = RootCertStore::empty();
    for certificate in &given {
        roots
            .add(certificate.clone())
            .map_err(|error| TlsError::file(file, error.to_string()))?;
    }
    Ok(Trusted {
        roots: Arc::new(roots),
        given,
    })
}

/// One certificate or a chain, as PEM.
pub(super) fn certificates(file: &Named<'_>) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = || CertificateDer::pem_file_iter(file.path)?.collect::<Result<Vec<_>, pem::Error>>();
    match read() {
        Ok(found) if found.is_empty() => Err(TlsError::file(file, "it holds no certificate (PEM)")),
        Ok(found) => Ok(found),
        Err(error) => Err(TlsError::file(file, explain(&error))),
    }
}

/// An unencrypted private key, as PEM.
pub(super) fn key(file: &Named<'_>) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(file.path).map_err(|error| match error {
        pem::Error::NoItemsFound => {
            TlsError::file(file, "it holds no private key (PEM, not encrypted)")
        }
        error => TlsError::file(file, explain(&error)),
    })
}

fn explain(error: &pem::Error) -> String {
    match error {
        pem::Error::Io(error) => error.to_string(),
        // The library's own message may quote the file, which may contain a key.
        _ => "it is not well-formed PEM".to_owned(),
    }
}
