//! An external pool, which the application made with diesel-async's bb8 support.

use bb8::ManageConnection;
use diesel_async::pooled_connection::PoolError;
use diesel_async::pooled_connection::bb8::RunError;

use super::messages::ExternalError;
use crate::error::{ConnectError, ConnectErrorKind};

/// Returns the pool's figures: open, idle, limit.
pub(super) fn figures<M: ManageConnection>(pool: &bb8::Pool<M>) -> (u32, u32, u32) {
    let state = pool.state();
    (
        state.connections,
        state.idle_connections,
        pool.config().max_size,
    )
}

/// Converts the error with which the pool gave no connection.
pub(super) fn error(error: RunError) -> ExternalError {
    match error {
        RunError::TimedOut => ExternalError::TimedOut,
        RunError::User(error) => cannot_connect(&error),
    }
}

fn cannot_connect(error: &PoolError) -> ExternalError {
    ExternalError::Connect(ConnectError::new(
        ConnectErrorKind::Other,
        error.to_string(),
    ))
}
