//! What MySQL's and MariaDB's error numbers mean. diesel maps some of them to its kinds, and drops the number.

use crate::error::{ConnectErrorKind, StatementErrorKind};

/// A command is longer than `max_allowed_packet`.
pub(in super::super) const PACKET_TOO_LARGE: u16 = 1153;
/// `SAVEPOINT … does not exist`.
pub(in super::super) const NO_SUCH_SAVEPOINT: u16 = 1305;
/// `Unknown thread id`.
pub(in super::super) const NO_SUCH_CONNECTION: u16 = 1094;
/// `Unknown system variable`.
pub(in super::super) const NO_SUCH_VARIABLE: u16 = 1193;

/// `WSREP has not yet prepared node for application use`.
pub(in super::super) const ALONE: u16 = 1047;

/// Returns diesel's kind for an error number, except that conflicts are `Serialization` (diesel says `Unknown`).
pub(in super::super) fn kind(code: u16) -> StatementErrorKind {
    match code {
        1062 | 1586 | 1859 => StatementErrorKind::Unique,
        1216 | 1217 | 1451 | 1452 | 1830 | 1834 => StatementErrorKind::ForeignKey,
        1048 | 1364 => StatementErrorKind::NotNull,
        3819 | 4025 => StatementErrorKind::Check,
        // Deadlock (also Galera's conflicts), a row changed since the snapshot (MariaDB), deadlock in XA, Group
        // Replication's conflict. Not a lock wait timeout (1205, also NOWAIT): another attempt would wait as long.
        1213 | 1020 | 1614 | 3101 => StatementErrorKind::Serialization,
        1792 | 1290 | 1836 => StatementErrorKind::ReadOnly,
        1053 | 1927 | 3168 | 3169 | 4031 => StatementErrorKind::Connection,
        _ => StatementErrorKind::Unknown,
    }
}

/// True if an error in reply to COMMIT does not show whether the work was committed: the server or the session was
/// shutting down, the statement was interrupted, or the node lost its cluster.
pub(in super::super) fn leaves_commit_unknown(code: u16) -> bool {
    matches!(
        code,
        1047 | 1053 | 1180 | 1317 | 1927 | 3024 | 3100 | 3168 | 3169 | 4031
    )
}

/// True if the node has lost the other nodes of its cluster, or has not yet caught up with them.
pub(in super::super) fn is_alone(code: u16) -> bool {
    code == ALONE
}

/// True if the server always rolls the whole transaction back with this error.
pub(in super::super) fn rolls_back(code: u16) -> bool {
    matches!(code, 1213 | 1614)
}

/// Returns the reason why a connection could not be opened.
pub(in super::super) fn connect_kind(code: u16) -> ConnectErrorKind {
    match code {
        1045 | 1698 | 1130 | 1251 | 1275 | 1524 | 1820 | 1862 | 3118 | 3159 | 4151 => {
            ConnectErrorKind::Authentication
        }
        1044 | 1049 => ConnectErrorKind::Database,
        1040 | 1203 | 1226 => ConnectErrorKind::TooManyConnections,
        _ => ConnectErrorKind::Other,
    }
}
