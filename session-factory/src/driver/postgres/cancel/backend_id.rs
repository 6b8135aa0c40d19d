//! Identifies a server process by its number and start time.

use std::pin::Pin;

use futures_util::TryStreamExt;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryStream};

/// A server process. The start time distinguishes it from earlier and later processes with the same number.
#[derive(Debug)]
pub(crate) struct BackendId {
    pub(super) process: u32,
    /// The start time, as [`SINCE`] formats it.
    pub(super) since: Box<str>,
}

impl BackendId {
    /// Returns `None` if `since` is empty or has characters that [`SINCE`]'s format does not produce.
    pub(crate) fn new(process: u32, since: &str) -> Option<Self> {
        let is_plain = |letter: char| letter.is_ascii_digit() || "-:. ".contains(letter);
        (!since.is_empty() && since.chars().all(is_plain)).then(|| Self {
            process,
            since: since.into(),
        })
    }
}

/// The start time in UTC, to the microsecond, in a format that no setting changes.
pub(crate) const SINCE: &str =
    "pg_catalog.to_char(pg_catalog.timezone('UTC', backend_start), 'YYYY-MM-DD HH24:MI:SS.US')";

/// A [`BackendId`] that the server has been asked for.
pub(crate) struct PendingBackendId(Pin<Box<SimpleQueryStream>>);

/// Asks the server for its own start time. Later messages do not wait for the answer and do not depend on it.
pub(crate) async fn ask(client: &Client) -> Option<PendingBackendId> {
    let question = format!(
        "SELECT {SINCE} FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) \
         WHERE pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()"
    );
    let answer = client.simple_query_raw(&question).await.ok()?;
    Some(PendingBackendId(Box::pin(answer)))
}

impl PendingBackendId {
    /// Waits for the answer. Returns `None` if the server gives no usable start time.
    pub(crate) async fn of(mut self, process: u32) -> Option<BackendId> {
        let mut backend = None;
        while let Some(message) = self.0.try_next().await.ok()? {
            if let SimpleQueryMessage::Row(row) = message {
                backend = BackendId::new(process, row.try_get(0).ok()??);
            }
        }
        backend
    }
}
