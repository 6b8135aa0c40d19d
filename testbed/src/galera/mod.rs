//! A Galera cluster of MariaDB servers: three nodes on loopback, each of which takes writes.
//!
//! Its nodes have the users of [`mysql`](crate::mysql). A database that is made on one node is on all of them.

mod cluster;
mod packages;
mod settings;

pub use cluster::Cluster;
