//! The address of a server, private or shared, and what can be asked of any of them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

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
        let name = unused_name();
        let admin = self.admin();
        admin
            .execute(&format!(
                "CREATE DATABASE {name} OWNER app TEMPLATE {template}"
            ))
            .await;
        Database::new(self, name)
    }
}

/// Unique on a server that many test processes share.
fn unused_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    // A process number comes back within a long run; not within the same microsecond.
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_micros();
    format!("t{}_{number}_{now:x}", std::process::id())
}
