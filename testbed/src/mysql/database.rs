//! What only MariaDB's databases can do.

use std::net::SocketAddr;

use super::{Admin, Database};

impl Database {
    /// An administrator of this database on another node of the cluster.
    pub fn admin_at(&self, address: SocketAddr) -> Admin {
        Admin::new(address, Some(self.name()))
    }
}
