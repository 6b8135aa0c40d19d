//! Sets up a connection behind a pooler.
//!
//! In transaction mode the pooler may run the next transaction in another server session. The client cannot ask for the
//! mode, so the driver treats every pooler as one in transaction mode.

use tokio_postgres::Client;

use super::error::postgres_error;
use crate::error::{ConnectError, ConnectErrorKind};

/// Begins the transaction in which a connection is set up, so that diesel's prepared setup statements run in the server
/// session that prepared them. A pooler in statement mode refuses BEGIN.
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
