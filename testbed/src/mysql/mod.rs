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

mod admin;
mod binaries;
mod builder;
mod database;
mod endpoint;
mod server;
mod shared;

pub use admin::{Activity, Admin};
pub use binaries::Binaries;
pub(crate) use binaries::program;
pub use builder::Builder;
pub use database::Database;
pub use endpoint::Endpoint;
pub use server::Server;
pub use shared::{VARIABLE, database, endpoint};

/// The password of the user `guarded`.
pub const PASSWORD: &str = "correct-horse-battery-staple";
