//! A pooler in between: how it is found, and what is not left to the server session then.
//!
//! In its transaction mode the next transaction may be another server session's. Which mode it is in cannot be
//! asked, so whatever is found counts as that.

use tokio_postgres::Client;

use super::error::postgres_error;
use super::hosts;
use crate::config::Settings;
use crate::driver::postgres::connection::PgConnection;
use crate::error::{ConnectError, ConnectErrorKind};

/// Opens a connection, and makes it ready for a pooler if there is one.
pub(crate) async fn connect(settings: &Settings) -> Result<PgConnection, ConnectError> {
    let mut connection = match hosts::connect(settings).await {
        // PgBouncer takes no `options`, by which the server is told of the limit.
        Err(error) if settings.statement_timeout.is_some() && is_refused_parameter(&error) => {
            let without = Settings {
                statement_timeout: None,
                ..settings.clone()
            };
            let mut connection = hosts::connect(&without).await?;
            connection.set_pooled();
            connection
        }
        opened => opened?,
    };
    if connection.is_pooled() {
        connection.set_limit(settings.statement_timeout);
        if settings.statement_cache.is_none() {
            connection.set_cache(Some(0));
        }
    }
    Ok(connection)
}

fn is_refused_parameter(error: &ConnectError) -> bool {
    error.sqlstate() == Some("08P01") && error.to_string().contains("startup parameter")
}

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
