//! One database, for one test.

use std::net::SocketAddr;

use crate::background;
use crate::proxy::Proxy;

use super::admin::Admin;
use super::endpoint::Endpoint;

/// A database of its own on a server, dropped with this value, connections or not.
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

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server it is on.
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// `mysql://app@127.0.0.1:PORT/NAME`: an ordinary user, allowed everything here.
    pub fn url(&self) -> String {
        self.url_at(self.endpoint.address())
    }

    /// The same through a proxy.
    pub fn url_via(&self, proxy: &Proxy) -> String {
        self.url_at(proxy.address())
    }

    /// The same at any other address.
    pub fn url_at(&self, address: SocketAddr) -> String {
        self.url_of(&[address])
    }

    /// The same with several addresses, tried in this order.
    pub fn url_of(&self, addresses: &[SocketAddr]) -> String {
        let hosts: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        format!("mysql://app@{}/{}", hosts.join(","), self.name)
    }

    /// For the user `guarded`, with a password: right if it is [`PASSWORD`](super::PASSWORD).
    pub fn url_with_password(&self, password: &str) -> String {
        format!(
            "mysql://guarded:{password}@{}/{}",
            self.endpoint.address(),
            self.name
        )
    }

    /// An administrator connected to this database, for as long as the database lives. All of
    /// its handles share one connection.
    pub fn admin(&self) -> Admin {
        self.admin.clone()
    }

    /// The same on another node of a cluster.
    pub fn admin_at(&self, address: SocketAddr) -> Admin {
        Admin::new(address, Some(&self.name))
    }

    /// Runs statements as the administrator.
    pub async fn execute(&self, sql: &str) {
        self.admin.execute(sql).await;
    }

    /// The one number that a query answers.
    pub async fn integer(&self, sql: &str) -> i64 {
        self.admin.integer(sql).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (admin, name) = (self.endpoint.admin(), std::mem::take(&mut self.name));
        // Nobody waits for it: if the server has gone, or goes before, so has the database.
        background::handle().spawn(async move {
            // A transaction that is left open would keep the tables locked.
            let _ = admin.terminate_all_of(&name).await;
            let _ = admin
                .try_rows(&format!("DROP DATABASE IF EXISTS {name}"))
                .await;
        });
    }
}
