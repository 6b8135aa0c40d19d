//! Why no connection was opened.

use super::address::Address;
use crate::driver::mysql::protocol::error_code;
use crate::error::{ConnectError, ConnectErrorKind, StatementError};

/// The error for a Galera node that has lost the others, or has not caught up: it allows logins and refuses queries.
fn outside_of_cluster(address: &Address) -> ConnectError {
    ConnectError::new(
        ConnectErrorKind::Refused,
        format!("MySQL at {address} takes no part in its cluster at present"),
    )
}

pub(in super::super) fn no_tracking(address: &Address) -> ConnectError {
    ConnectError::new(
        ConnectErrorKind::Unsupported,
        format!(
            "MySQL at {address} does not track sessions, without which nothing tells what became of a transaction: \
             MySQL 5.7, MariaDB 10.3 and later do, most proxies do not"
        ),
    )
}

/// The error for a connection that the server refused, with the server's message.
pub(in super::super) fn refused(address: &Address, said: &StatementError) -> ConnectError {
    let Some(code) = said.code() else {
        return ConnectError::new(
            ConnectErrorKind::Other,
            format!("MySQL at {address}: {}", said.message()),
        );
    };
    if error_code::is_alone(code) {
        return outside_of_cluster(address);
    }
    let refused = ConnectError::new(
        error_code::connect_kind(code),
        format!("MySQL at {address} says: {} (error {code})", said.message()),
    );
    match said.sqlstate() {
        Some(sqlstate) => refused.with_sqlstate(sqlstate),
        None => refused,
    }
}
