//! TLS, with rustls.

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connect::ssl_mode::{Encryption, Mode, Roots};
pub(super) use crate::driver::tls::TlsError;
use crate::driver::tls::{self, Asked};
use crate::runtime::moving::Moving;

/// The URL parameter that names the trusted root certificates.
const ROOTS: &str = "sslrootcert";

/// Returns rustls's own message, or a clearer one where that says too little.
pub(super) fn explain(error: &rustls::Error) -> String {
    tls::explain(error, ROOTS)
}

/// An encrypted stream.
pub(super) type Encrypted = <MakeRustlsConnect as MakeTlsConnect<Moving<TcpStream>>>::Stream;

/// Encrypts a stream to one server.
#[derive(Clone)]
pub(super) struct Handshake {
    connector: MakeRustlsConnect,
    name: String,
}

impl Handshake {
    /// Reads the certificate files, anew for each connection, because expiring certificates are replaced at run time.
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
        let connected = handshake.connect(stream).await;
        connected.map_err(|error| TlsError::of_handshake(error, ROOTS))
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

fn client(encryption: &Encryption) -> Result<rustls::ClientConfig, TlsError> {
    tls::client(&Asked {
        check: encryption.check(),
        roots: match &encryption.roots {
            Some(Roots::File(path)) => Some(path),
            Some(Roots::System) | None => None,
        },
        roots_parameter: ROOTS,
        identity: encryption
            .identity
            .as_ref()
            .map(|(certificate, key)| (certificate.as_path(), key.as_path())),
        identity_parameters: ("sslcert", "sslkey"),
    })
}
