//! TLS, with rustls.

mod error;
mod files;
mod verify;

use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use self::error::Named;
pub(super) use self::error::{TlsError, explain};
use self::verify::{Trusted, Verifier};
use super::connect::ssl_mode::{Check, Encryption, Mode, Roots};
use crate::runtime::moving::Moving;

/// An encrypted stream.
pub(super) type Encrypted = <MakeRustlsConnect as MakeTlsConnect<Moving<TcpStream>>>::Stream;

/// Encrypts a stream to one server.
#[derive(Clone)]
pub(super) struct Handshake {
    connector: MakeRustlsConnect,
    name: String,
}

impl Handshake {
    /// Reads the certificate files, for each connection anew, because expiring certificates are replaced at run time.
    pub(super) async fn prepare(encryption: &Encryption, name: &str) -> Result<Self, TlsError> {
        let (encryption, name) = (encryption.clone(), name.to_owned());
        let prepared = tokio::task::spawn_blocking(move || {
            // An IP address is a name too: rustls verifies it against the certificate and does not send it as SNI.
            let checked = ServerName::try_from(name.clone());
            checked.map_err(|_| TlsError::Name)?;
            let connector = MakeRustlsConnect::new(client(&encryption)?);
            Ok(Self { connector, name })
        });
        prepared.await.map_err(|_| TlsError::Interrupted)?
    }

    pub(super) async fn perform(&self, stream: Moving<TcpStream>) -> Result<Encrypted, TlsError> {
        let mut connector = self.connector.clone();
        let Ok(handshake) =
            MakeTlsConnect::<Moving<TcpStream>>::make_tls_connect(&mut connector, &self.name);
        Ok(handshake.connect(stream).await?)
    }
}

/// TLS without verification, for cancel requests of external pools, whose TLS settings the driver does not know.
pub(super) fn unchecked() -> Result<MakeRustlsConnect, TlsError> {
    let encryption = Encryption {
        mode: Mode::Require,
        roots: None,
        identity: None,
    };
    Ok(MakeRustlsConnect::new(client(&encryption)?))
}

fn client(encryption: &Encryption) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = match encryption.check() {
        Check::Nothing => Verifier::lax(Arc::clone(&provider)),
        check => {
            let trusted = trusted(encryption)?;
            Verifier::strict(
                Arc::clone(&provider),
                trusted,
                check == Check::AuthorityAndName,
            )
        }
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    Ok(match &encryption.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let (chain, key) = (
                files::certificates(&named("sslcert", certificate))?,
                files::key(&named("sslkey", key))?,
            );
            builder
                .with_client_auth_cert(chain, key)
                .map_err(TlsError::Identity)?
        }
    })
}

fn named<'a>(parameter: &'static str, path: &'a Path) -> Named<'a> {
    Named { parameter, path }
}

fn trusted(encryption: &Encryption) -> Result<Trusted, TlsError> {
    match &encryption.roots {
        Some(Roots::File(path)) => files::roots(&named("sslrootcert", path)),
        Some(Roots::System) | None => files::platform(),
    }
}
