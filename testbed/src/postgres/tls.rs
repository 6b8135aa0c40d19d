//! A server that speaks TLS.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;

use crate::certificates::{Authority, Certificate};

use super::builder::{Data, HBA};

/// What a server does about TLS. From [`Server::set_tls`](super::Server::set_tls).
#[derive(Clone, Copy, Debug, Default)]
pub struct Tls<'a> {
    /// What it shows its clients. None: it has no TLS.
    pub certificate: Option<&'a Certificate>,
    /// Whether the roles `app` and `guarded` are let in without TLS too.
    pub required: bool,
    /// The authority from which those roles need a certificate.
    pub clients: Option<&'a Authority>,
}

impl Tls<'_> {
    /// Written for the next start.
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

/// Included by the server's own settings.
pub(super) const SETTINGS: &str = "tls.conf";

/// A key that others can read is one that the server refuses.
fn private(data: &Data, path: &Path, text: &str) -> std::io::Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    match data.user {
        Some(user) => chown(path, Some(user.uid), Some(user.gid)),
        None => Ok(()),
    }
}
