//! PostgreSQL's protocol, as it passes between tokio-postgres and the socket.

pub(super) mod error_response;
pub(super) mod lsn;
pub(super) mod outgoing;
pub(super) mod prepared;
pub(super) mod state;
pub(super) mod statement_sent;
pub(super) mod stream;
pub(super) mod transaction_end;
