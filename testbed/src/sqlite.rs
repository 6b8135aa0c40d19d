//! SQLite database files that are removed again.

use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

/// A database file in its own temporary folder, removed on drop.
///
/// The first connection creates the file. Each call below opens its own connection, so it sees
/// committed data only.
#[derive(Debug)]
pub struct Database {
    folder: tempfile::TempDir,
}

impl Database {
    /// A new, empty database.
    #[expect(
        clippy::new_without_default,
        reason = "makes a folder: not a default value"
    )]
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("session-factory-sqlite-")
            .tempdir();
        Self {
            folder: folder.expect("a temporary folder can be made"),
        }
    }

    /// The file's path.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("test.db")
    }

    /// The folder that contains only the file and its journal.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `sqlite://` and the file's absolute path.
    pub fn url(&self) -> String {
        format!("sqlite://{}", self.path().display())
    }

    /// A connection that is independent of the tested code.
    pub fn connection(&self) -> SqliteConnection {
        let path = self.path();
        let mut connection = SqliteConnection::establish(&path.display().to_string())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        connection
            .batch_execute("PRAGMA busy_timeout = 5000")
            .expect("busy_timeout can be set");
        connection
    }

    /// Runs statements, separated by semicolons.
    pub fn execute(&self, sql: &str) {
        let done = self.connection().batch_execute(sql);
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Returns the single number that a query selects.
    pub fn integer(&self, sql: &str) -> i64 {
        let query = diesel::select(diesel::dsl::sql::<BigInt>(&format!("({sql})")));
        query
            .get_result(&mut self.connection())
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Returns the single text that a query selects.
    pub fn text(&self, sql: &str) -> String {
        let query = diesel::select(diesel::dsl::sql::<Text>(&format!("({sql})")));
        query
            .get_result(&mut self.connection())
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// True if a connection holds a lock that keeps others from writing.
    pub fn is_locked(&self) -> bool {
        let mut connection = self.connection();
        connection
            .batch_execute("PRAGMA busy_timeout = 0")
            .expect("busy_timeout can be set");
        connection
            .batch_execute("BEGIN IMMEDIATE; ROLLBACK")
            .is_err()
    }
}

/// The embedded SQLite's version, as `3.50.4`.
pub fn version() -> String {
    let mut connection = SqliteConnection::establish(":memory:").expect("SQLite works");
    let query = diesel::select(diesel::dsl::sql::<Text>("sqlite_version()"));
    query.get_result(&mut connection).expect("SQLite answers")
}
