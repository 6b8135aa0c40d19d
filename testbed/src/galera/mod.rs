//! A Galera cluster of MariaDB servers: three nodes on loopback, each of which takes writes.
//!
//! The nodes have the users of [`mysql`](crate::mysql). A database created on one node exists on
//! all.

mod cluster;
mod packages;
mod settings;

pub use cluster::Cluster;
