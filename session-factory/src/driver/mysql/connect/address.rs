//! The addresses of the hosts that a URL names.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::PathBuf;

use tokio::net::lookup_host;

use super::stream::Homing;
use crate::driver::mysql::url::{Mode, Place};
use crate::error::ConnectError;

/// One address of a server. A KILL is sent to the same address as the connection whose statement it cancels.
#[derive(Debug, Clone)]
pub(in super::super) enum Address {
    Tcp {
        name: String,
        address: SocketAddr,
    },
    #[cfg(unix)]
    Socket(PathBuf),
}

impl Address {
    pub(super) async fn open(&self) -> io::Result<Homing> {
        match self {
            Self::Tcp { address, .. } => Homing::connect_tcp(*address).await,
            #[cfg(unix)]
            Self::Socket(path) => Homing::connect_unix(path).await,
        }
    }

    /// Returns the name for which the server's certificate is verified.
    #[cfg(feature = "tls")]
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Tcp { name, .. } => name,
            #[cfg(unix)]
            Self::Socket(_) => "localhost",
        }
    }

    /// True if the client requests TLS: on a Unix socket, which no other machine can read, only if the URL requires it.
    pub(super) fn wants_tls(&self, mode: Mode) -> bool {
        match self {
            Self::Tcp { .. } => mode >= Mode::Preferred,
            #[cfg(unix)]
            Self::Socket(_) => mode >= Mode::Required,
        }
    }
}

impl Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp { name, address } => write!(f, "{name}:{}", address.port()),
            #[cfg(unix)]
            Self::Socket(path) => Place::Socket(path.clone()).fmt(f),
        }
    }
}

/// Resolves the host at index `number` of the URL's `of` hosts.
pub(in super::super) async fn resolve(
    place: &Place,
    number: usize,
    of: usize,
) -> Result<Vec<Address>, ConnectError> {
    match place {
        Place::Tcp(name, port) => {
            let unknown = |error: &dyn Display| ConnectError::unknown_host(number, of, error);
            let found = lookup_host((name.as_str(), *port))
                .await
                .map_err(|error| unknown(&error))?;
            let tcp = |address| Address::Tcp {
                name: name.clone(),
                address,
            };
            let addresses: Vec<_> = found.map(tcp).collect();
            if addresses.is_empty() {
                return Err(unknown(&"it has no address"));
            }
            Ok(addresses)
        }
        #[cfg(unix)]
        Place::Socket(path) => Ok(vec![Address::Socket(path.clone())]),
        #[cfg(not(unix))]
        Place::Socket(_) => Err(ConnectError::new(
            crate::error::ConnectErrorKind::Url,
            "a socket is a thing of Unix: name a host",
        )),
    }
}
