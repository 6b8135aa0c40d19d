//! The names of a session's savepoints.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

/// A random token of this process. No text of the application's can hold it by accident. It is not a connection's or a
/// session's own: a server that keeps statistics for each text would have entries for every one of them.
pub(crate) static TOKEN: LazyLock<String> =
    LazyLock::new(|| format!("{:016x}", RandomState::new().hash_one(0)));

/// How the names begin; the level follows. A savepoint that a text of the application's names is never one of these: if
/// such a text could open a savepoint of the same name, ROLLBACK TO would go back to that one, and what the session's was
/// to undo would be kept.
pub(crate) fn prefix() -> &'static str {
    static PREFIX: LazyLock<String> = LazyLock::new(|| format!("session_factory_{}_", *TOKEN));
    &PREFIX
}
