//! PostgreSQL: private servers, the run's shared one, databases, and an administrator's view.
//!
//! Most tests use [`database()`]: a fresh database on a server that the whole run shares. A test
//! that stops, kills or configures its server starts a private one with [`Server::start`] or
//! [`Server::builder`]; [`Replicated`] is a primary with two standbys.
//!
//! Each server has these roles. All of them log in without a password, except one:
//!
//! | role | is |
//! | --- | --- |
//! | `testbed` | the superuser, for [`Admin`] |
//! | `app` | an ordinary user, owner of the databases: what [`Database::url`] connects as |
//! | `guarded` | the same, but with the password [`PASSWORD`] (SCRAM), as its members have theirs: [`Database::url_with_password`] |
//! | `reader` | may not log in; granted to `app`, for `SET ROLE` |

mod activity;
mod binaries;
mod database;
mod kind;
mod replicated;
mod settings;
mod standby;
mod tls;

use crate::server::{self, Kind};

pub use activity::Activity;
pub use binaries::Binaries;
pub use kind::Postgres;
pub use replicated::Replicated;
pub use tls::Tls;

/// A private server.
pub type Server = server::Server<Postgres>;
/// The settings of a private server.
pub type Builder = server::Builder<Postgres>;
/// A server's address.
pub type Endpoint = server::Endpoint<Postgres>;
/// One test's database.
pub type Database = server::Database<Postgres>;
/// A superuser's connection.
pub type Admin = server::Admin<Postgres>;
pub(crate) type Data = server::Data<Postgres>;

/// The variable in which `cargo xtask test` passes the address of the run's server.
pub const VARIABLE: &str = Postgres::VARIABLE;

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

/// The password of the role `guarded`.
pub const PASSWORD: &str = "correct-horse-battery-staple";
