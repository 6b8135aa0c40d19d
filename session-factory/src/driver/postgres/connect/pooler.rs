//! Sets a connection up behind a pooler.
//!
//! In its transaction mode the next transaction may be another server session's. Which mode it is in cannot be
//! asked, so whatever is found counts as that.

use tokio_postgres::Client;

use super::error::postgres_error;
use crate::error::{ConnectError, ConnectErrorKind};

/// Begins the transaction in which a connection is set up: what diesel prepares for that is run where it was
/// prepared. A pooler in statement mode refuses.
pub(crate) async fn begin(client: &Client, place: &str) -> Result<(), ConnectError> {
    let Err(error) = client.simple_query("BEGIN").await else {
        return Ok(());
    };
    let error = postgres_error(&error, place);
    if error.to_string().contains("statement pooling") {
        return Err(ConnectError::new(
            ConnectErrorKind::Pooler,
            format!(
                "the pooler at {place} is in statement mode, in which there are no transactions: \
                 set pool_mode = transaction or session there, or connect to the server itself"
            ),
        ));
    }
    Err(error)
}
