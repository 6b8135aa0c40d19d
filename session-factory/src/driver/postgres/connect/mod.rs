//! Makes a connection from a URL, ready for its first statement.

pub(super) mod drain;
pub(super) mod error;
#[cfg(feature = "testing")]
pub(super) mod hand_over;
pub(super) mod hosts;
pub(super) mod pooler;
pub(super) mod probe;
pub(super) mod socket;
pub(super) mod ssl_mode;
pub(super) mod startup;
pub(super) mod stream;

use super::connection::PgConnection;
use crate::config::Settings;
use crate::driver::DriverConnection;
use crate::error::ConnectError;

/// Opens a connection, and adapts it to a pooler if the server is behind one.
pub(super) async fn connect(settings: &Settings) -> Result<PgConnection, ConnectError> {
    let mut connection = match hosts::connect(settings).await {
        // PgBouncer refuses the startup parameter `options`, which carries the statement timeout: go without it.
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
            connection.limit_cache(Some(0));
        }
    }
    Ok(connection)
}

fn is_refused_parameter(error: &ConnectError) -> bool {
    error.sqlstate() == Some("08P01") && error.to_string().contains("startup parameter")
}
