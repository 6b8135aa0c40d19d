//! What to write instead of a statement that SQLite refuses inside a transaction.

use diesel::result::{DatabaseErrorKind, Error};

const OUTSIDE: &str = "a session runs every statement in a transaction; run this one outside of any session, on a \
     connection of your own: SqliteConnection::establish(file)?.batch_execute(sql)?";
const SAVEPOINT: &str = "use db.savepoint(…) inside of a session";

/// Adds advice to the error of a statement that SQLite refuses inside a transaction, and marks it as not retryable.
pub(super) fn advise(error: Error, checkpoints: bool) -> Error {
    let Error::DatabaseError(_, information) = &error else {
        return error;
    };
    let message = information.message();
    let advice = match message {
        "cannot start a transaction within a transaction" => SAVEPOINT,
        // A checkpoint waits for the end of every transaction, including its own.
        "database table is locked" if checkpoints => OUTSIDE,
        _ if is_refused_inside(message) => OUTSIDE,
        _ => return error,
    };
    let advised = format!("{message}; {advice}");
    Error::DatabaseError(DatabaseErrorKind::Unknown, Box::new(advised))
}

fn is_refused_inside(message: &str) -> bool {
    let pragma = matches!(
        message,
        "Safety level may not be changed inside a transaction"
            | "temporary storage cannot be changed from within a transaction"
    );
    // VACUUM, ATTACH, DETACH, `PRAGMA journal_mode`. DETACH also fails for a database that the
    // transaction uses.
    let statement = message.starts_with("cannot ") && message.ends_with(" within a transaction");
    let detach = message.starts_with("database ")
        && message.ends_with(" is locked")
        && message != "database is locked"
        && message != "database table is locked";
    pragma || statement || detach
}
