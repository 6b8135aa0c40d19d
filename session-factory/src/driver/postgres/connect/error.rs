//! Turns connection failures into [`ConnectError`]s.

use std::error::Error;
use std::io;

#[cfg(feature = "tls")]
use crate::driver::postgres::tls::{TlsError, explain};
use crate::error::{ConnectError, ConnectErrorKind};

pub(crate) fn io_error(error: &io::Error, place: &str) -> ConnectError {
    #[cfg(feature = "tls")]
    if let Some(refused) = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
    {
        // In TLS 1.3 the server's refusal of the handshake arrives only with the first read after it.
        return ConnectError::new(
            ConnectErrorKind::Tls,
            format!("TLS with PostgreSQL at {place}: {}", explain(refused)),
        );
    }
    ConnectError::new(
        ConnectErrorKind::Refused,
        format!("PostgreSQL at {place} cannot be reached: {error}"),
    )
}

#[cfg(feature = "tls")]
pub(crate) fn tls_error(error: &TlsError, place: &str) -> ConnectError {
    match error {
        TlsError::Io(error) => io_error(error, place),
        error => ConnectError::new(
            ConnectErrorKind::Tls,
            format!("TLS with PostgreSQL at {place}: {error}"),
        ),
    }
}

/// Returns the error for a URL that requires TLS, when the server or this build lacks it.
pub(crate) fn no_tls(place: &str, why: &str) -> ConnectError {
    ConnectError::new(
        ConnectErrorKind::Tls,
        format!("PostgreSQL at {place}: sslmode in the URL asks for TLS, {why}"),
    )
}

pub(crate) fn postgres_error(error: &tokio_postgres::Error, place: &str) -> ConnectError {
    let Some(said) = error.as_db_error() else {
        let source = error.source();
        let cause = source.map_or_else(|| error.to_string(), ToString::to_string);
        let io = source.and_then(|source| source.downcast_ref::<io::Error>());
        return match io {
            Some(io) => io_error(io, place),
            None if cause.contains("password") => ConnectError::new(
                ConnectErrorKind::Authentication,
                format!("PostgreSQL at {place} asks for a password and the URL has none"),
            ),
            None if cause.contains("channel binding") => ConnectError::new(
                ConnectErrorKind::Authentication,
                format!("PostgreSQL at {place}: channel_binding in the URL is not met: {cause}"),
            ),
            None => ConnectError::new(
                ConnectErrorKind::Other,
                format!("PostgreSQL at {place}: {cause}"),
            ),
        };
    };
    let sqlstate = said.code().code();
    let kind = match sqlstate {
        state if state.starts_with("28") => ConnectErrorKind::Authentication,
        "3D000" => ConnectErrorKind::Database,
        "53300" => ConnectErrorKind::TooManyConnections,
        _ => ConnectErrorKind::Other,
    };
    ConnectError::new(
        kind,
        format!("PostgreSQL at {place} says: {}", said.message()),
    )
    .with_sqlstate(sqlstate)
}

/// Combines all attempts' errors. The result is permanent only if each error is.
pub(crate) fn all_failed(errors: Vec<ConnectError>) -> ConnectError {
    let said: Vec<_> = errors.iter().map(ToString::to_string).collect();
    let telling = errors
        .iter()
        .rfind(|error| !error.is_permanent())
        .or(errors.last())
        .map_or(ConnectErrorKind::Url, ConnectError::kind);
    match <[ConnectError; 1]>::try_from(errors) {
        Ok([only]) => only,
        Err(_) => ConnectError::new(telling, said.join("; ")),
    }
}
