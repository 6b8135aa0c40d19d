//! One database, for one test.

use std::net::SocketAddr;

use super::{Admin, Endpoint, Kind};
use crate::background;
use crate::proxy::Proxy;

/// A separate database on a server. Dropping this value drops the database, even if clients are
/// connected.
#[derive(Debug)]
pub struct Database<K: Kind> {
    endpoint: Endpoint<K>,
    name: String,
    admin: Admin<K>,
}

impl<K: Kind> Database<K> {
    pub(crate) fn new(endpoint: Endpoint<K>, name: String) -> Self {
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
    pub fn endpoint(&self) -> Endpoint<K> {
        self.endpoint
    }

    /// `SCHEME://app@127.0.0.1:PORT/NAME`: an ordinary user who may do everything in this database.
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
        format!("{}://app@{}/{}", K::SCHEME, hosts.join(","), self.name)
    }

    /// The URL for the user `guarded`, who has a password.
    pub fn url_with_password(&self, password: &str) -> String {
        let address = self.endpoint.address();
        format!("{}://guarded:{password}@{address}/{}", K::SCHEME, self.name)
    }

    /// An administrator connected to this database, for as long as the database lives. All its
    /// handles share one connection.
    pub fn admin(&self) -> Admin<K> {
        self.admin.clone()
    }

    /// Runs statements as the database's owner.
    pub async fn execute(&self, sql: &str) {
        self.admin.execute(&K::as_owner(sql)).await;
    }

    /// Returns the single number that a query selects.
    pub async fn integer(&self, sql: &str) -> i64 {
        self.admin.integer(sql).await
    }
}

impl<K: Kind> Drop for Database<K> {
    fn drop(&mut self) {
        let (admin, name) = (self.endpoint.admin(), std::mem::take(&mut self.name));
        // No test waits for this. If the server has stopped, the database is gone with it.
        background::handle().spawn(K::drop(admin, name));
    }
}
