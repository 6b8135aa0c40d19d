//! A TCP proxy between client and server. It counts what it forwards, and misbehaves on request.
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
//! A proxy cannot imitate a server that refuses connections: the client sees a reset after the
//! connection was accepted, unless the test calls [`refuse`](Proxy::refuse).

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

/// The direction in which bytes travel.
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

/// The protocol of the connections, which determines what the proxy can count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// PostgreSQL's, version 3: counts messages and statements, and recognizes cancel requests. Of
    /// TLS connections it counts bytes and round trips only.
    Postgres,
    /// MySQL's: counts commands and statements, but not the server's answers.
    Mysql,
    /// Any protocol: counts connections, bytes and round trips.
    Raw,
}
