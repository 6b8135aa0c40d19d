//! Probes a new connection in one round trip: server or pooler, default isolation level, role.

use tokio_postgres::{Client, SimpleQueryMessage};

use super::error::postgres_error;
use crate::driver::Isolation;
use crate::driver::postgres::url::Wanted;
use crate::error::{ConnectError, ConnectErrorKind};

/// Asks for the backend's process, and for the isolation level of a BEGIN that names none: if that is serializable,
/// COMMIT can fail even in a read-only transaction.
const QUESTION: &str = "SELECT pg_catalog.pg_backend_pid(), \
     pg_catalog.current_setting('default_transaction_isolation')";

/// [`QUESTION`], and the server's role, for a URL with `target_session_attrs`. All PostgreSQL versions can answer it.
const QUESTION_AND_ROLE: &str = "SELECT pg_catalog.pg_backend_pid(), \
     pg_catalog.current_setting('default_transaction_isolation'), \
     pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only')";

/// What the probe found.
#[derive(Debug)]
pub(crate) struct Probed {
    /// True if a pooler, or a program other than PostgreSQL, accepted the connection.
    pub(crate) pooled: bool,
    pub(crate) isolation: Option<Isolation>,
}

/// Runs the probe. `named` is the process from the startup's `BackendKeyData`, which a cancel request would address. If
/// a different process answers the probe, a pooler is in between.
pub(crate) async fn probe(
    client: &Client,
    named: u32,
    wanted: Wanted,
    place: &str,
) -> Result<Probed, ConnectError> {
    let question = match wanted {
        Wanted::Any => QUESTION,
        _ => QUESTION_AND_ROLE,
    };
    let answer = match client.simple_query(question).await {
        Ok(answer) => answer,
        Err(error) => {
            let error = postgres_error(&error, place);
            return match wanted {
                // The server is not PostgreSQL: treat it like a pooler, which makes the fewest assumptions.
                Wanted::Any if is_not_understood(&error) => Ok(Probed {
                    pooled: true,
                    isolation: None,
                }),
                _ => Err(error),
            };
        }
    };
    let row = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let column = |number| row.filter(|row| number < row.len())?.get(number);
    let fits = fits(wanted, column(2) == Some("t"), column(3) == Some("on"));
    if let Err(is) = fits {
        return Err(ConnectError::new(
            ConnectErrorKind::Role,
            format!(
                "PostgreSQL at {place} {is}, and target_session_attrs in the URL is {}",
                wanted.name()
            ),
        ));
    }
    let works = column(0).and_then(|process| process.parse::<u32>().ok());
    Ok(Probed {
        pooled: works != Some(named),
        isolation: column(1).and_then(level),
    })
}

/// True if the server does not know the function or setting (class 42), or does not support it (0A).
fn is_not_understood(error: &ConnectError) -> bool {
    let state = error.sqlstate().unwrap_or_default();
    state.starts_with("42") || state.starts_with("0A")
}

fn fits(wanted: Wanted, standby: bool, read_only: bool) -> Result<(), &'static str> {
    let (fits, is) = match wanted {
        Wanted::Any | Wanted::PreferStandby => (true, ""),
        Wanted::ReadWrite => (!read_only, "takes no writes"),
        Wanted::ReadOnly => (read_only, "takes writes"),
        Wanted::Primary => (!standby, "is a standby"),
        Wanted::Standby => (standby, "is a primary"),
    };
    if fits { Ok(()) } else { Err(is) }
}

fn level(name: &str) -> Option<Isolation> {
    match name {
        "read uncommitted" => Some(Isolation::ReadUncommitted),
        "read committed" => Some(Isolation::ReadCommitted),
        "repeatable read" => Some(Isolation::RepeatableRead),
        "serializable" => Some(Isolation::Serializable),
        _ => None,
    }
}
