//! Names of a session's savepoints.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

/// A random token of this process, which the application's SQL cannot contain by accident. All
/// connections and sessions share it: if each had its own, a server that keeps statistics for each
/// SQL text would collect entries without end.
pub(crate) static TOKEN: LazyLock<String> =
    LazyLock::new(|| format!("{:016x}", RandomState::new().hash_one(0)));

/// The prefix of every savepoint's name; the level follows. It contains the token, because the
/// application's SQL could otherwise open a savepoint of the same name: ROLLBACK TO would then return
/// to the application's savepoint, and keep work that the session wants to undo.
pub(crate) fn prefix() -> &'static str {
    static PREFIX: LazyLock<String> = LazyLock::new(|| format!("session_factory_{}_", *TOKEN));
    &PREFIX
}
