//! A server's address, private or shared, and the operations that every server supports.

use std::marker::PhantomData;
use std::net::SocketAddr;

use super::{Admin, Database, Kind};
use crate::names;

/// The address on which a server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint<K> {
    address: SocketAddr,
    kind: PhantomData<K>,
}

impl<K: Kind> Endpoint<K> {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            kind: PhantomData,
        }
    }

    /// Host and port, for a [`Proxy`](crate::Proxy) or a URL.
    pub fn address(self) -> SocketAddr {
        self.address
    }

    /// An administrator of the whole server.
    pub fn admin(self) -> Admin<K> {
        Admin::new(self.address, K::WHOLE)
    }

    /// A fresh, empty database, removed on drop.
    pub async fn database(self) -> Database<K> {
        let name = names::unused();
        self.admin().execute(&K::create(&name)).await;
        Database::new(self, name)
    }
}
