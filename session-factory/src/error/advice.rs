//! Advice for a failed statement whose error the body did not return.

use super::{StatementError, StatementErrorKind};

/// The advice for a caller that tried to end a transaction or savepoint that only the session ends.
pub(super) const END_BY_HAND: &str = "db.savepoint(…) and db.transaction(…) end with their closure: return Ok to keep the work or Err to \
     undo it; the session's transaction is ended by db.commit() or db.rollback()";

/// Returns the end of the sentence "a statement failed and its error was not returned; …". Each text
/// is true for every error that it is used for. The advice is a savepoint only where one helps: it does
/// not help a statement that may not run in a transaction, or a conflict that only a new transaction
/// solves. MySQL and SQLite undo only the failed statement and let the transaction continue, so most
/// of their errors never get here.
pub(super) fn advice(error: &StatementError) -> &'static str {
    match error.kind {
        StatementErrorKind::Connection => {
            return "return the error: the next call gets another connection";
        }
        StatementErrorKind::ReadOnly => {
            return "return the error; a session that writes is not read_only, and its server takes writes";
        }
        _ if is_of_a_lost_savepoint(error) => {
            return "return the error; SQL of the body's had ended a savepoint of the session's: write db.savepoint(…) in \
                    place of raw SAVEPOINT, RELEASE and ROLLBACK TO";
        }
        _ if error.has_rolled_back() => {
            return "return the error: the statement rolls the whole transaction back when it fails (OR ROLLBACK, \
                    RAISE(ROLLBACK), or a full disk), and a savepoint around it goes with the transaction";
        }
        _ if error.is_transient() => {
            return "return the error, so that `retry` runs the whole call again";
        }
        _ => {}
    }
    match error.sqlstate() {
        // active_sql_transaction; invalid_transaction_termination: COMMIT inside a procedure.
        Some("25001" | "2D000") => {
            "return the error; a session always has a transaction, and PostgreSQL runs VACUUM, CREATE INDEX \
             CONCURRENTLY, CREATE DATABASE, a procedure that commits and the like outside of one: run them on a \
             connection of their own (AsyncPgConnection::establish); the isolation level and read_only are options \
             of the session"
        }
        // no_active_sql_transaction
        Some("25P01") => {
            "return the error; raw SQL had ended the transaction: use db.commit() or db.rollback()"
        }
        // unsafe_new_enum_value_usage
        Some("55P04") => {
            "return the error; a value that ALTER TYPE adds can be used once it is committed: add it in a session of \
             its own"
        }
        _ => "return the error, or run the statement inside db.savepoint(…)",
    }
}

/// The prefix of the names of a session's savepoints.
const SAVEPOINT: &str = "session_factory_";

/// True if the error says that one of the session's savepoints no longer exists. Every database's
/// message contains the savepoint's name.
fn is_of_a_lost_savepoint(error: &StatementError) -> bool {
    let message = error.message.to_ascii_lowercase();
    message.contains("savepoint") && message.contains(SAVEPOINT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_savepoint_that_raw_sql_ended_is_told_in_the_words_of_every_database() {
        for message in [
            "savepoint \"session_factory_1\" does not exist",
            "SAVEPOINT session_factory_1 does not exist",
            "no such savepoint: session_factory_1",
        ] {
            let advice = advice(&StatementError::other(message));
            assert!(advice.contains("SQL of the body's had ended"), "{advice}");
        }
        let advice = advice(&StatementError::other("no such savepoint: mine"));
        assert!(!advice.contains("SQL of the body's"), "{advice}");
    }

    #[test]
    fn a_savepoint_is_advised_only_where_it_helps() {
        use StatementErrorKind as Kind;
        for (kind, sqlstate, says) in [
            (Kind::Unique, "23505", "db.savepoint(…)"),
            (Kind::Unknown, "22012", "db.savepoint(…)"),
            (Kind::Unknown, "25001", "AsyncPgConnection::establish"),
            (Kind::Unknown, "2D000", "AsyncPgConnection::establish"),
            (Kind::Unknown, "25P01", "db.commit() or db.rollback()"),
            (Kind::Unknown, "55P04", "a session of its own"),
            (Kind::Serialization, "40001", "`retry`"),
            (Kind::Unknown, "40P01", "`retry`"),
            (Kind::ReadOnly, "25006", "is not read_only"),
            (Kind::Connection, "57P01", "another connection"),
        ] {
            let advice = advice(&StatementError {
                kind,
                message: String::new(),
                sqlstate: Some(sqlstate.to_owned()),
                code: None,
                detail: None,
            });
            assert!(advice.contains(says), "{sqlstate}: {advice}");
            assert_eq!(advice.contains("savepoint"), says.contains("savepoint"));
        }
    }
}
