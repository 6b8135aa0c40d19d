//! A server's address, private or shared, and the operations that every server supports.

use std::net::SocketAddr;

use crate::names;

use super::admin::Admin;
use super::database::Database;

/// The address on which a server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    address: SocketAddr,
}

impl Endpoint {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Host and port, for a [`Proxy`](crate::Proxy) or a URL.
    pub fn address(self) -> SocketAddr {
        self.address
    }

    /// An administrator of the whole server, connected to no database.
    pub fn admin(self) -> Admin {
        Admin::new(self.address, None)
    }

    /// A fresh, empty database, removed on drop.
    pub async fn database(self) -> Database {
        let name = names::unused();
        self.admin()
            .execute(&format!("CREATE DATABASE {name}"))
            .await;
        Database::new(self, name)
    }
}
