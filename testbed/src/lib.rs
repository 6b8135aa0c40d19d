//! Real servers, and a network that misbehaves on request, for the workspace's tests.
//!
//! * [`postgres`]: private PostgreSQL servers, one shared by the whole run, a fresh database for
//!   each test, and an administrator's view of what the server is doing; a primary with standbys;
//! * [`pgbouncer`]: a pooler in front of one of them;
//! * [`mysql`]: the same for MariaDB;
//! * [`galera`]: a cluster of MariaDB servers, whose nodes are killed and come back;
//! * [`server`]: what both kinds of servers have in common;
//! * [`proxy`]: a TCP proxy that counts, delays, throttles, holds, stalls, cuts and refuses;
//! * [`replay`]: a server that replays another database's known messages;
//! * [`certificates`]: an authority, and certificates that it signs;
//! * [`sqlite`]: a database file that is removed again;
//! * [`polls`]: futures dropped, or made to panic, at a chosen poll;
//! * [`programs`]: programs that a measurement needs, found or installed;
//! * [`eventually()`]: waits for a condition to become true.
//!
//! Everything asynchronous runs on the testbed's own runtime (a proxy runs on its own thread). Any
//! runtime, current-thread or multi-thread, can await it; a test without a runtime uses
//! [`block_on`].
//!
//! If a server is missing, the calls panic with a text that says what to install. No test is
//! skipped.
//!
//! ```
//! # testbed::block_on(async {
//! let database = testbed::postgres::database().await;
//! let admin = database.admin();
//! admin.execute("CREATE TABLE users (id int PRIMARY KEY)").await;
//! assert_eq!(admin.integer("SELECT count(*) FROM users").await, 0);
//! // hand `database.url()` to what is tested, and look at the server with `admin`
//! # });
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "used by tests alone: a failed step is a failed test, and the panic is its message"
)]

mod background;
mod error;
mod eventually;
mod install;
mod names;
mod ports;
mod process;
mod user;

pub mod certificates;
pub mod galera;
pub mod mysql;
pub mod pgbouncer;
pub mod polls;
pub mod postgres;
pub mod programs;
pub mod proxy;
pub mod replay;
pub mod server;
pub mod sqlite;

pub use background::block_on;
pub use error::Error;
pub use eventually::{PATIENCE, eventually};
pub use proxy::Proxy;
