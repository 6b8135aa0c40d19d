//! Who is on the other side of a new connection: one question, in one round trip.

use tokio_postgres::{Client, SimpleQueryMessage};

use super::error::postgres_error;
use crate::driver::Isolation;
use crate::driver::postgres::url::Wanted;
use crate::error::{ConnectError, ConnectErrorKind};

/// Which process works, and what BEGIN without a level means: a read-only transaction whose level is the
/// default one ends differently if that is serializable.
const QUESTION: &str = "SELECT pg_catalog.pg_backend_pid(), \
     pg_catalog.current_setting('default_transaction_isolation')";

/// The same, and what the server is, for a URL that wants to know. Every version of PostgreSQL answers this.
const QUESTION_AND_ROLE: &str = "SELECT pg_catalog.pg_backend_pid(), \
     pg_catalog.current_setting('default_transaction_isolation'), \
     pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only')";

/// What the other side says of itself.
#[derive(Debug)]
pub(crate) struct Probed {
    /// Something else than the server has let us in.
    pub(crate) pooled: bool,
    pub(crate) isolation: Option<Isolation>,
}

/// Asks. `named` is the process that the start-up named, the one that a cancel request would be for.
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
                // Not PostgreSQL, then: as little is taken for granted as behind a pooler.
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

/// The function or the setting is not known there (class 42), or not supported (0A).
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
