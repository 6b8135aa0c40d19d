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

    /// An administrator of the whole server, connected to the database `postgres`.
    pub fn admin(self) -> Admin {
        Admin::new(self.address, "postgres")
    }

    /// An administrator connected to this database; on a standby, to the standby's copy.
    pub fn admin_of(self, database: &str) -> Admin {
        Admin::new(self.address, database)
    }

    /// A fresh, empty database, removed on drop.
    pub async fn database(self) -> Database {
        self.create("template0").await
    }

    /// A fresh database that is a copy of `other`. Cheaper than creating the same tables again.
    ///
    /// No client may be connected to `other` during the copy.
    pub async fn database_like(self, other: &Database) -> Database {
        other.admin().disconnect().await;
        self.create(other.name()).await
    }

    async fn create(self, template: &str) -> Database {
        let name = names::unused();
        let admin = self.admin();
        admin
            .execute(&format!(
                "CREATE DATABASE {name} OWNER app TEMPLATE {template}"
            ))
            .await;
        Database::new(self, name)
    }
}
