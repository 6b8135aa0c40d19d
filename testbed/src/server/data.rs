//! A server's folder.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use tempfile::TempDir;

use super::kind::Kind;
use crate::user::{self, User};
use crate::{Error, ports};

/// A data folder on which a server can be started repeatedly.
#[derive(Debug)]
pub struct Data<K: Kind> {
    pub(crate) binaries: K::Binaries,
    pub(crate) user: Option<User>,
    /// Removed on drop, after the server has been stopped.
    pub(crate) folder: TempDir,
}

impl<K: Kind> Data<K> {
    /// An empty folder for a user that may run a server.
    pub(crate) fn empty() -> Result<Self, Error> {
        let binaries = K::find_or_install()?;
        let user = user::unprivileged(K::USERS)?;
        let folder = user::private_folder(K::FOLDER, user)?;
        Ok(Self {
            binaries,
            user,
            folder,
        })
    }

    /// The server's log file.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    /// An address for the server. It stays the same over restarts, unless its port is taken.
    pub(crate) fn free_address() -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free()))
    }
}
