//! Certificates and keys: from files, and the platform's own.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::TlsError;
use super::verify::Trusted;

/// The authorities that the platform trusts. Hundreds: they are read once.
static PLATFORM: OnceLock<Arc<RootCertStore>> = OnceLock::new();

pub(super) fn platform() -> Result<Trusted, TlsError> {
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
        return Err(TlsError::NoPlatformRoots);
    }
    Ok(trusted(PLATFORM.get_or_init(|| Arc::new(roots))))
}

pub(super) fn roots(path: &Path) -> Result<Trusted, TlsError> {
    let given = certificates(path)?;
    let mut roots = RootCertStore::empty();
    for certificate in &given {
        roots
            .add(certificate.clone())
            .map_err(|error| TlsError::file(path, error.to_string()))?;
    }
    Ok(Trusted {
        roots: Arc::new(roots),
        given,
    })
}

/// One certificate or a chain, as PEM.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = || CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, pem::Error>>();
    match read() {
        Ok(found) if found.is_empty() => Err(TlsError::file(path, "it holds no certificate (PEM)")),
        Ok(found) => Ok(found),
        Err(error) => Err(TlsError::file(path, explain(&error))),
    }
}

/// A private key, as PEM and not encrypted.
pub(super) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| match error {
        pem::Error::NoItemsFound => {
            TlsError::file(path, "it holds no private key (PEM, not encrypted)")
        }
        error => TlsError::file(path, explain(&error)),
    })
}

fn explain(error: &pem::Error) -> String {
    match error {
        pem::Error::Io(error) => error.to_string(),
        // Its own text may quote the file, which may be a key.
        _ => "it is not well-formed PEM".to_owned(),
    }
}
