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

mod admin;
mod binaries;
mod builder;
mod database;
mod endpoint;
mod replicated;
mod server;
mod shared;
mod standby;
mod tls;

pub use admin::{Activity, Admin};
pub use binaries::Binaries;
pub use builder::Builder;
pub use database::Database;
pub use endpoint::Endpoint;
pub use replicated::Replicated;
pub use server::Server;
pub use shared::{VARIABLE, database, endpoint};
pub use tls::Tls;

/// The password of the role `guarded`.
pub const PASSWORD: &str = "correct-horse-battery-staple";
