//! Shared code of the integration tests: three factories, one small table, and a bed for each
//! backend.
#![allow(
    missing_docs,
    missing_debug_implementations,
    clippy::missing_panics_doc
)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // these are tests

mod bed;
pub mod connect;
pub mod encrypted;
pub mod exit_paths;
pub mod functions;
pub mod project;
pub mod slow_cancels;

use session_factory::session_factory;

pub use self::bed::{Bed, LiteBed, MyBed, PgBed, at_rest, create_items, my_config, pg_config};

session_factory! {
    /// The tests' PostgreSQL database.
    pub struct PgDb(Postgres);
}

session_factory! {
    /// The tests' MySQL database, on MariaDB.
    pub struct MyDb(Mysql);
}

session_factory! {
    /// The tests' SQLite database.
    pub struct LiteDb(Sqlite);
}

diesel::table! {
    items (id) {
        id -> Integer,
        name -> Text,
    }
}

/// The error type of the tests' functions, as services have one.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error(transparent)]
    Session(#[from] session_factory::SessionError),
    #[error(transparent)]
    Query(#[from] diesel::result::Error),
    #[error("refused: {0}")]
    Refused(&'static str),
}

/// Replaces the savepoints' names in a text by `session_factory_1` and so on, without the process's
/// token.
pub fn without_token(text: &str) -> String {
    const PREFIX: &str = "session_factory_";
    let mut parts = text.split(PREFIX);
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_token =
            |token: &str| token.len() == 16 && token.bytes().all(|byte| byte.is_ascii_hexdigit());
        let level = part.split_once('_').filter(|(token, _)| is_token(token));
        all += PREFIX;
        all += level.map_or(part, |(_, level)| level);
    }
    all
}
