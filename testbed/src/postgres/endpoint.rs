//! The address of a server, private or shared, and what can be asked of any of them.

use std::net::SocketAddr;

use crate::names;

use super::admin::Admin;
use super::database::Database;

/// Where a server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    address: SocketAddr,
}

impl Endpoint {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Host and port, for a [`Proxy`](crate::Proxy) or a URL of one's own.
    pub fn address(self) -> SocketAddr {
        self.address
    }

    /// An administrator of the whole server, connected to its database `postgres`.
    pub fn admin(self) -> Admin {
        Admin::new(self.address, "postgres")
    }

    /// An administrator connected to one of its databases: on a standby, the copy of one.
    pub fn admin_of(self, database: &str) -> Admin {
        Admin::new(self.address, database)
    }

    /// A fresh, empty database, removed on drop.
    pub async fn database(self) -> Database {
        self.create("template0").await
    }

    /// A fresh database that is a copy of another one.
    ///
    /// Nobody may be connected to `other` meanwhile. Cheaper than building the same tables again.
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
