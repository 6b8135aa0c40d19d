//! MariaDB: private servers, the run's shared one, databases, and an administrator's view.
//!
//! Most tests use [`database()`]: a fresh database on a server that the whole run shares. A test
//! that stops, kills or configures its server starts a private one with [`Server::start`] or
//! [`Server::builder`].
//!
//! Each server has these users:
//!
//! | user | is |
//! | --- | --- |
//! | `testbed` | allowed everything, for [`Admin`] |
//! | `app` | an ordinary user without a password, allowed everything in the tests' databases: what [`Database::url`] connects as |
//! | `guarded` | the same, but with the password [`PASSWORD`]: [`Database::url_with_password`] |

mod activity;
mod binaries;
mod database;
mod kind;
mod settings;

use crate::server::{self, Kind};

pub use activity::Activity;
pub use binaries::Binaries;
pub(crate) use binaries::program;
pub use kind::Mysql;

/// A private server.
pub type Server = server::Server<Mysql>;
/// The settings of a private server.
pub type Builder = server::Builder<Mysql>;
/// A server's address.
pub type Endpoint = server::Endpoint<Mysql>;
/// One test's database.
pub type Database = server::Database<Mysql>;
/// An administrator's connection.
pub type Admin = server::Admin<Mysql>;
pub(crate) type Data = server::Data<Mysql>;

/// The variable in which `cargo xtask test` passes the address of the run's server.
pub const VARIABLE: &str = Mysql::VARIABLE;

/// A fresh, empty database on the shared server.
///
/// # Panics
/// If there is no server and none can be started. The text says what to install.
pub async fn database() -> Database {
    server::database().await
}

/// The shared server: the run's, or one that this process starts on first use.
pub async fn endpoint() -> Endpoint {
    server::endpoint().await
}

/// The password of the user `guarded`.
pub const PASSWORD: &str = "correct-horse-battery-staple";
