//! Problems that an audit can find.

use std::fmt;

use crate::bed::Scene;

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The call returned `Ok`, and the rows are missing.
    OkWithoutRows { unit: i32 },
    /// The call returned an error that means "rolled back", and the rows are there.
    ErrWithRows { unit: i32 },
    /// Only some of the rows are there.
    Half { unit: i32, found: usize, rows: i32 },
    /// Rows are there twice.
    Doubled { unit: i32 },
    /// Rows of a rolled-back savepoint are there.
    RolledBackRows { unit: i32 },
    /// Rows of a unit that never began are there.
    UnknownRows { unit: i32 },
    /// A hook ran although the transaction did not end that way, or did not run although it did.
    HookLied { unit: i32 },
    /// A statement still runs.
    StillRunning { sql: String },
    /// A transaction is still open.
    StillInTransaction,
    /// A lock is still held.
    StillLocked,
    /// The pool still waits for a session.
    NotRecovered,
    /// The server has more connections than the pool may have.
    TooManyConnections { found: u32 },
    /// Not all of the pool's connections can be borrowed.
    NextBorrowerWaits,
    /// A borrower's question failed.
    NextBorrowerFails { error: String },
    /// A borrower got the answer to another question.
    WrongAnswer { detail: String },
    /// A borrower sees settings that differ from a fresh connection's.
    StateLeaked { found: String },
    /// The workload itself did not end.
    Hung,
    /// The workload panicked without a planned panic.
    Panicked { message: String },
    /// Without a fault, the outcome differed from the expected one.
    NotAsPlanned { detail: String },
}

impl Problem {
    /// The reason why a scene is not quiet.
    pub(crate) fn of_unrest(scene: &Scene) -> Option<Self> {
        if let Some(sql) = scene.running.first() {
            Some(Self::StillRunning { sql: sql.clone() })
        } else if scene.in_transaction > 0 {
            Some(Self::StillInTransaction)
        } else if scene.locks > 0 {
            Some(Self::StillLocked)
        } else {
            None
        }
    }

    /// The number of this problem in the project's list of diesel-async's and bb8's traps.
    pub(crate) fn trap(&self) -> Option<&'static str> {
        match self {
            Self::OkWithoutRows { .. } => Some("1"),
            Self::TooManyConnections { .. } => Some("2"),
            Self::NextBorrowerWaits => Some("3"),
            Self::WrongAnswer { .. } => Some("4"),
            Self::StateLeaked { .. } => Some("8"),
            _ => None,
        }
    }

    /// True if a query got the rows of another query.
    pub(crate) fn is_wrong_rows(&self) -> bool {
        matches!(self, Self::WrongAnswer { .. })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OkWithoutRows { unit } => {
                write!(f, "unit {unit} was told Ok and its rows are not there")
            }
            Self::ErrWithRows { unit } => write!(
                f,
                "unit {unit} was told that it was rolled back and its rows are there"
            ),
            Self::Half { unit, found, rows } => {
                write!(f, "unit {unit} is there by half: {found} of {rows} rows")
            }
            Self::Doubled { unit } => write!(f, "unit {unit} has rows that are there twice"),
            Self::RolledBackRows { unit } => {
                write!(
                    f,
                    "unit {unit} has rows of a savepoint that was rolled back"
                )
            }
            Self::UnknownRows { unit } => write!(f, "there are rows of unit {unit}, never begun"),
            Self::HookLied { unit } => {
                write!(f, "the hooks of unit {unit} do not agree with its end")
            }
            Self::StillRunning { sql } => write!(f, "a statement still runs: {sql}"),
            Self::StillInTransaction => f.write_str("a transaction is still open"),
            Self::StillLocked => f.write_str("a lock is still held"),
            Self::NotRecovered => f.write_str("the pool has not got its connection back"),
            Self::TooManyConnections { found } => {
                write!(
                    f,
                    "{found} connections are open, more than the pool may have"
                )
            }
            Self::NextBorrowerWaits => {
                f.write_str("not all connections of the pool can be borrowed at once")
            }
            Self::NextBorrowerFails { error } => write!(f, "the next borrower fails: {error}"),
            Self::WrongAnswer { detail } => {
                write!(f, "wrong rows: the next borrower is answered {detail}")
            }
            Self::StateLeaked { found } => {
                write!(f, "the next borrower finds a changed connection: {found}")
            }
            Self::Hung => f.write_str("the call does not return"),
            Self::Panicked { message } => write!(f, "panicked: {message}"),
            Self::NotAsPlanned { detail } => write!(f, "without any fault: {detail}"),
        }
    }
}
