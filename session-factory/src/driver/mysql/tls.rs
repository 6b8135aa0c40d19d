//! TLS, with the same rustls setup as PostgreSQL's driver.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::connect::stream::Homing;
use super::url::{Encryption, Mode};
use crate::driver::tls::{Asked, Check, TlsError, client};

/// The option that names the trusted authorities.
const ROOTS: &str = "ssl-ca";

/// All that is needed to encrypt a stream to one server.
pub(super) struct Handshake {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Handshake {
    /// Reads the certificates, again for each connection: expiring ones are replaced while the process runs.
    pub(super) async fn prepare(encryption: &Encryption, name: &str) -> Result<Self, TlsError> {
        let (encryption, name) = (encryption.clone(), name.to_owned());
        let prepared = tokio::task::spawn_blocking(move || {
            let config = client(&Asked {
                check: match encryption.mode {
                    Mode::VerifyIdentity => Check::AuthorityAndName,
                    Mode::VerifyCa => Check::Authority,
                    _ => Check::Nothing,
                },
                roots: encryption.authority.as_deref(),
                roots_parameter: ROOTS,
                identity: encryption
                    .identity
                    .as_ref()
                    .map(|(certificate, key)| (certificate.as_path(), key.as_path())),
                identity_parameters: ("ssl-cert", "ssl-key"),
            })?;
            Ok(Self {
                connector: TlsConnector::from(Arc::new(config)),
                // An IP address is a name too: it is looked up in the certificate, and not sent as SNI.
                name: ServerName::try_from(name).map_err(|_| TlsError::Name)?,
            })
        });
        prepared.await.map_err(|_| TlsError::Interrupted)?
    }

    pub(super) async fn perform(self, socket: Homing) -> Result<TlsStream<Homing>, TlsError> {
        let connected = self.connector.connect(self.name, socket).await;
        connected.map_err(|error| TlsError::of_handshake(error, ROOTS))
    }
}
