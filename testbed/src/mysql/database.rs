//! One database, for one test.

use std::net::SocketAddr;

use crate::background;
use crate::proxy::Proxy;

use super::admin::Admin;
use super::endpoint::Endpoint;

/// A separate database on a server. Dropping this value drops the database, even if clients are
/// connected.
#[derive(Debug)]
pub struct Database {
    endpoint: Endpoint,
    name: String,
    admin: Admin,
}

impl Database {
    pub(crate) fn new(endpoint: Endpoint, name: String) -> Self {
        let admin = Admin::new(endpoint.address(), Some(&name));
        Self {
            endpoint,
            name,
            admin,
        }
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The database's server.
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// `mysql://app@127.0.0.1:PORT/NAME`: an ordinary user with all privileges in this database.
    pub fn url(&self) -> String {
        self.url_at(self.endpoint.address())
    }

    /// The URL through a proxy.
    pub fn url_via(&self, proxy: &Proxy) -> String {
        self.url_at(proxy.address())
    }

    /// The URL with another address.
    pub fn url_at(&self, address: SocketAddr) -> String {
        self.url_of(&[address])
    }

    /// The URL with several addresses, tried in this order.
    pub fn url_of(&self, addresses: &[SocketAddr]) -> String {
        let hosts: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        format!("mysql://app@{}/{}", hosts.join(","), self.name)
    }

    /// The URL for the user `guarded`, whose password is [`PASSWORD`](super::PASSWORD).
    pub fn url_with_password(&self, password: &str) -> String {
        format!(
            "mysql://guarded:{password}@{}/{}",
            self.endpoint.address(),
            self.name
        )
    }

    /// An administrator connected to this database, for as long as the database lives. All its
    /// handles share one connection.
    pub fn admin(&self) -> Admin {
        self.admin.clone()
    }

    /// An administrator of this database on another node of the cluster.
    pub fn admin_at(&self, address: SocketAddr) -> Admin {
        Admin::new(address, Some(&self.name))
    }

    /// Runs statements as the administrator.
    pub async fn execute(&self, sql: &str) {
        self.admin.execute(sql).await;
    }

    /// Returns the single number that a query selects.
    pub async fn integer(&self, sql: &str) -> i64 {
        self.admin.integer(sql).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (admin, name) = (self.endpoint.admin(), std::mem::take(&mut self.name));
        // No test waits for this. If the server has stopped, the database is gone with it.
        background::handle().spawn(async move {
            // An open transaction would keep the tables locked.
            let _ = admin.terminate_all_of(&name).await;
            let _ = admin
                .try_rows(&format!("DROP DATABASE IF EXISTS {name}"))
                .await;
        });
    }
}
