//! Verifies a server's certificate as each `sslmode` requires.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};

/// Checks a certificate as far as the mode requires. In every mode, the server has to prove that it
/// has the certificate's key.
#[derive(Debug)]
pub(super) struct Verifier {
    provider: Arc<CryptoProvider>,
    /// `None` accepts any certificate.
    trusted: Option<Trusted>,
    with_name: bool,
}

/// The trusted authorities.
#[derive(Debug, Clone)]
pub(super) struct Trusted {
    pub(super) roots: Arc<RootCertStore>,
    /// The certificates in the file that the URL names; empty for the platform's authorities.
    pub(super) given: Vec<CertificateDer<'static>>,
}

impl Verifier {
    /// For `require` without a root certificate: encrypts, and accepts any server.
    pub(super) fn lax(provider: Arc<CryptoProvider>) -> Self {
        Self {
            provider,
            trusted: None,
            with_name: false,
        }
    }

    /// Requires a certificate that one of the authorities issued, and with `with_name` one for the
    /// name.
    pub(super) fn strict(provider: Arc<CryptoProvider>, trusted: Trusted, with_name: bool) -> Self {
        Self {
            provider,
            trusted: Some(trusted),
            with_name,
        }
    }
}

/// True if the server's certificate is its own authority, as `openssl req -x509` and PostgreSQL's manual create it.
/// webpki rejects it, but only after checking its dates, so the caller may accept it from the URL's file.
fn is_its_own_authority(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(OtherError(cause))) = error else {
        return false;
    };
    matches!(cause.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(trusted) = &self.trusted else {
            return Ok(ServerCertVerified::assertion());
        };
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let signed = verify_server_cert_signed_by_trust_anchor(
            &certificate,
            &trusted.roots,
            intermediates,
            now,
            self.provider.signature_verification_algorithms.all,
        );
        match signed {
            Err(error) if is_its_own_authority(&error) => {
                if !trusted.given.contains(end_entity) {
                    return Err(CertificateError::UnknownIssuer.into());
                }
            }
            other => other?,
        }
        if self.with_name {
            verify_server_name(&certificate, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
