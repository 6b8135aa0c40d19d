//! A TCP proxy between client and server: it counts what passes, and misbehaves on request.
//!
//! ```
//! # testbed::block_on(async {
//! use testbed::proxy::{Cut, Direction};
//!
//! let database = testbed::postgres::database().await;
//! let proxy = testbed::Proxy::start(database.endpoint().address());
//! let url = database.url_via(&proxy); // what is tested connects here
//!
//! proxy.reset_counts();
//! // … use it …
//! assert_eq!(proxy.counts().round_trips, 0);
//!
//! proxy.arm(Cut::after(100, Direction::ToClient)); // the next answers end in mid-air
//! # });
//! ```
//!
//! What a proxy cannot imitate: a server that refuses looks like a connection that is reset after
//! it was accepted, unless [`refuse`](Proxy::refuse) is used.

mod connection;
mod counts;
mod fault;
mod frames;
mod handle;
mod ledger;
mod listener;
mod packets;
mod settings;

pub use counts::{Counts, Statement, StatementKind};
pub use fault::{Action, Cut, Scope};
pub use handle::Proxy;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

impl Direction {
    fn index(self) -> usize {
        match self {
            Self::ToServer => 0,
            Self::ToClient => 1,
        }
    }
}

/// What the connections carry: decides what can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// PostgreSQL's, version 3: messages and statements are counted, cancel requests are told
    /// from connections. Of TLS connections only bytes and round trips are seen.
    Postgres,
    /// MySQL's: commands and statements are counted, without the server's answers.
    Mysql,
    /// Anything: connections, bytes and round trips are counted.
    Raw,
}
