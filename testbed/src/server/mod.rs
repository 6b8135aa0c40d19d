//! What servers have in common, whatever their kind: a process, an address, databases, an administrator.
//!
//! `postgres` and `mysql` name these types for their [`Kind`], and add what only one kind can do.

mod admin;
mod builder;
mod data;
mod database;
mod endpoint;
mod kind;
mod running;
mod shared;

pub use self::admin::Admin;
pub use self::builder::Builder;
pub use self::data::Data;
pub use self::database::Database;
pub use self::endpoint::Endpoint;
pub use self::kind::{Kind, Rows, Shared};
pub use self::running::Server;
pub use self::shared::{database, endpoint};
