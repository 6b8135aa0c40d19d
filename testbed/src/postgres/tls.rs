//! TLS settings of a server.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;

use crate::certificates::{Authority, Certificate};

use super::settings::HBA;
use super::{Data, Server};

/// A server's TLS settings, for [`Server::set_tls`](super::Server::set_tls).
#[derive(Clone, Copy, Debug, Default)]
pub struct Tls<'a> {
    /// The server's certificate. `None` turns TLS off.
    pub certificate: Option<&'a Certificate>,
    /// True if the server refuses the roles `app` and `guarded` without TLS.
    pub required: bool,
    /// The authority that must sign those roles' client certificates.
    pub clients: Option<&'a Authority>,
}

impl Server {
    /// Restarts the server with these TLS settings.
    ///
    /// # Panics
    /// If the server does not start.
    pub async fn set_tls(&self, tls: Tls<'_>) {
        self.stop().await;
        tls.write(self.data())
            .unwrap_or_else(|error| panic!("{}: {error}", self.folder().display()));
        self.start_again().await;
    }
}

impl Tls<'_> {
    /// Writes the settings for the next start.
    pub(super) fn write(self, data: &Data) -> std::io::Result<()> {
        let folder = data.data();
        let mut settings = String::new();
        if let Some(certificate) = self.certificate {
            settings.push_str("ssl = on\n");
            private(data, &folder.join("server.crt"), &certificate.chain)?;
            private(data, &folder.join("server.key"), &certificate.key)?;
        }
        if let Some(clients) = self.clients {
            settings.push_str("ssl_ca_file = 'clients.crt'\n");
            private(data, &folder.join("clients.crt"), &clients.pem())?;
        }
        fs::write(folder.join(SETTINGS), settings)?;
        fs::write(folder.join("pg_hba.conf"), self.hba())
    }

    fn hba(self) -> String {
        let certificate = match self.clients {
            Some(_) => "clientcert=verify-ca",
            None => "",
        };
        if !self.required && self.clients.is_none() {
            return HBA.to_owned();
        }
        format!(
            "host all testbed 127.0.0.1/32 trust\n\
             hostssl all +guarded 127.0.0.1/32 scram-sha-256 {certificate}\n\
             hostssl all all 127.0.0.1/32 trust {certificate}\n"
        )
    }
}

/// The file that the server's own settings include.
pub(super) const SETTINGS: &str = "tls.conf";

/// Writes a file that only its owner can read. The server rejects a key that others can read.
fn private(data: &Data, path: &Path, text: &str) -> std::io::Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    match data.user {
        Some(user) => chown(path, Some(user.uid), Some(user.gid)),
        None => Ok(()),
    }
}
