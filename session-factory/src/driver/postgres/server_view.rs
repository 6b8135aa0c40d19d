//! What the driver sees of the server's side of a connection, and how it saw the session's transaction end.

use std::sync::Arc;
use std::time::Instant;

use diesel::result::{DatabaseErrorKind, Error};

use super::protocol::state::{ProtocolState, Standing, Status};
use crate::driver::{TransactionEnd, TransactionStatus};
use crate::error::{CommittedPart, PartlyCommitted, StatementError, StatementErrorKind};

/// How much the driver sees of the server's side. It is decided once, when the connection is made.
#[derive(Debug)]
pub(super) enum ServerView {
    /// The driver opened the stream, and reads every message on it.
    Watched(Arc<ProtocolState>),
    /// An external pool opened the stream: the driver sees only its own statements and their results.
    External(Unseen),
}

/// What the driver knows about the end of a transaction whose messages it does not see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Unseen {
    /// The transaction is open.
    #[default]
    Open,
    /// A transaction is open, but possibly not the one that the session began.
    InDoubt {
        /// The last mark that the session set before the SQL in doubt.
        mark: u64,
        /// True if the whole SQL in doubt is ROLLBACK.
        rolls_back: bool,
    },
    /// The body ended the transaction.
    Ended {
        /// True if the whole SQL that ended it was ROLLBACK.
        rolled_back: bool,
    },
}

impl ServerView {
    /// Returns the protocol's state, which only a watched stream has.
    #[inline]
    pub(super) fn protocol(&self) -> Option<&ProtocolState> {
        match self {
            Self::Watched(protocol) => Some(protocol),
            Self::External(_) => None,
        }
    }

    /// [`protocol`](Self::protocol), for a caller that outlives its borrow of the connection.
    pub(super) fn shared_protocol(&self) -> Option<Arc<ProtocolState>> {
        match self {
            Self::Watched(protocol) => Some(Arc::clone(protocol)),
            Self::External(_) => None,
        }
    }

    pub(super) fn is_watched(&self) -> bool {
        matches!(self, Self::Watched(_))
    }

    /// Call when a transaction begins.
    pub(super) fn begin_watch(&mut self) {
        match self {
            Self::Watched(protocol) => {
                protocol.begin_watch();
                if protocol.expects_position() {
                    let _of_the_last = protocol.take_position();
                }
            }
            Self::External(unseen) => *unseen = Unseen::default(),
        }
    }

    /// True if the transaction has neither failed nor ended, as far as the server's answers show. An external pool's
    /// connection has no protocol state; what ends its transaction is known before the next statement.
    #[inline]
    pub(super) fn goes_on(&self) -> bool {
        self.protocol().is_none_or(ProtocolState::goes_on)
    }

    /// Returns what the driver knows about the current transaction.
    #[inline]
    pub(super) fn watch(&self) -> TransactionStatus {
        match self {
            Self::Watched(protocol) if protocol.goes_on() => TransactionStatus::Open,
            Self::Watched(protocol) => watch(protocol),
            Self::External(Unseen::InDoubt { .. }) => TransactionStatus::InDoubt,
            Self::External(unseen) => unseen.end().unwrap_or(TransactionStatus::Unknown),
        }
    }

    /// Returns how the body ended the transaction; `None` if it did not.
    pub(super) fn ended_by_body(&self) -> Option<TransactionStatus> {
        match self {
            Self::Watched(protocol) => end_by_body(&protocol.standing()),
            Self::External(unseen) => unseen.end(),
        }
    }

    /// True if a transaction is open, but possibly not the one that the session began, and the server can say which.
    pub(super) fn is_in_doubt(&self) -> bool {
        match self {
            Self::Watched(protocol) => protocol.is_in_doubt(),
            Self::External(unseen) => matches!(unseen, Unseen::InDoubt { .. }),
        }
    }

    /// Call before a statement that may end the transaction. A watched stream shows what the statement does; without
    /// one, the transaction is in doubt from here on.
    pub(super) fn doubt_unseen(&mut self, mark: u64, rolls_back: bool) {
        if let Self::External(unseen @ Unseen::Open) = self {
            *unseen = Unseen::InDoubt { mark, rolls_back };
        }
    }

    /// Records the server's answer to the query for the mark: the open transaction's mark.
    pub(super) fn answered(&mut self, answer: Option<u64>) {
        match self {
            Self::Watched(protocol) => protocol.answered(answer),
            Self::External(unseen) => {
                let Unseen::InDoubt { mark, rolls_back } = *unseen else {
                    return;
                };
                *unseen = if answer.is_some_and(|answer| answer <= mark) {
                    Unseen::Open
                } else {
                    Unseen::Ended {
                        rolled_back: rolls_back,
                    }
                };
            }
        }
    }

    /// True if the server refuses statements until a rollback, as far as the driver sees.
    pub(super) fn has_failed(&self) -> bool {
        self.protocol()
            .is_some_and(|protocol| protocol.status() == Status::Failed)
    }

    /// True if the error is the client's own, and nothing was sent: too many binds, a value that cannot be serialized,
    /// a query that cannot be built.
    pub(super) fn is_unsent(&self, error: &Error) -> bool {
        match self {
            // A server error would have failed the transaction or closed the connection.
            Self::Watched(protocol) => {
                protocol.status() == Status::InTransaction && !protocol.is_closed()
            }
            Self::External(_) => matches!(
                error,
                Error::QueryBuilderError(_)
                    | Error::SerializationError(_)
                    | Error::DatabaseError(DatabaseErrorKind::UnableToSendCommand, _)
            ),
        }
    }

    /// Converts a diesel error and adds the SQLSTATE that diesel drops.
    pub(super) fn explain(&self, error: &Error) -> StatementError {
        let plain = StatementError::from(error);
        let Self::Watched(protocol) = self else {
            return plain;
        };
        if plain.kind == StatementErrorKind::Connection {
            // Prefer the server's last error to the client's "connection closed".
            return protocol.fatal().unwrap_or(plain);
        }
        match protocol.last_error() {
            Some(said) if said.message == plain.message => said,
            _ => plain,
        }
    }

    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        self.protocol().is_some_and(ProtocolState::is_closed)
    }

    /// Treats the connection as closed, and records why the driver gives it up.
    pub(super) fn give_up(&self, why: StatementError) {
        if let Self::Watched(protocol) = self {
            protocol.give_up(why);
        }
    }

    /// Returns why the connection is lost.
    pub(super) fn why_closed(&self) -> StatementError {
        let said = self.protocol().and_then(ProtocolState::fatal);
        said.unwrap_or_else(|| StatementError::connection("the connection to the server is lost"))
    }

    /// Call when only the session sends messages until the next transaction. See [`ProtocolState::seal`].
    pub(super) fn seal(&self) {
        if let Self::Watched(protocol) = self {
            protocol.seal();
        }
    }

    /// True if the server's last status says that no transaction is open.
    pub(super) fn is_idle(&self) -> bool {
        self.protocol()
            .is_some_and(|protocol| protocol.status() == Status::Idle)
    }

    /// True if the connection is open and the server has not committed: the transaction has failed, or it is still open
    /// although the server has answered every message.
    pub(super) fn has_not_committed(&self) -> bool {
        self.protocol().is_some_and(|protocol| {
            let is_open = match protocol.status() {
                Status::Failed => true,
                Status::InTransaction => protocol.is_quiet(),
                Status::Idle => false,
            };
            is_open && !protocol.is_closed()
        })
    }

    /// True while a message that the body sent, and that may end the transaction, is unanswered.
    #[inline]
    pub(super) fn awaits_an_end(&self) -> bool {
        self.protocol().is_some_and(ProtocolState::awaits_an_end)
    }

    /// True if an answer is outstanding, and no fatal error says that it will not come.
    pub(super) fn awaits_an_answer(&self) -> bool {
        self.protocol()
            .is_some_and(|protocol| !protocol.is_quiet() && protocol.fatal().is_none())
    }

    /// True if a statement that was sent before the last message still runs. Returns `assumed` where the driver does
    /// not see the stream.
    pub(super) fn runs_something(&self, assumed: bool) -> bool {
        self.protocol().map_or(assumed, |protocol| {
            protocol.unanswered() > 1 && !protocol.is_beginning()
        })
    }

    /// See [`ProtocolState::runs_since`].
    pub(super) fn runs_since(&self) -> Option<Instant> {
        self.protocol()?.runs_since()
    }

    pub(super) fn ended(&self) -> Option<TransactionEnd> {
        self.protocol()?.ended()
    }

    pub(super) fn has_written(&self) -> bool {
        self.protocol().is_some_and(ProtocolState::has_written)
    }

    pub(super) fn needs_reset(&self) -> bool {
        self.protocol().is_some_and(ProtocolState::needs_reset)
    }

    pub(super) fn is_unclean(&self) -> bool {
        self.protocol().is_some_and(ProtocolState::is_unclean)
    }

    pub(super) fn is_opaque(&self) -> bool {
        self.protocol().is_some_and(ProtocolState::is_opaque)
    }

    /// Call before the reset's statements.
    pub(super) fn begin_reset(&self) {
        if let Self::Watched(protocol) = self {
            protocol.begin_reset();
        }
    }

    /// Call once the server has answered the reset's statements. `done`: they succeeded.
    pub(super) fn end_reset(&self, done: bool) {
        match self {
            Self::Watched(protocol) if done => protocol.was_reset(),
            Self::Watched(protocol) => protocol.was_not_reset(),
            Self::External(_) => {}
        }
    }
}

/// The detailed check of a transaction that may have failed or ended.
fn watch(protocol: &ProtocolState) -> TransactionStatus {
    let standing = protocol.standing();
    if let Some(end) = end_by_body(&standing) {
        return end;
    }
    match standing.status {
        _ if standing.in_doubt => TransactionStatus::InDoubt,
        // A lost connection is reported by COMMIT, not as a failed statement.
        Status::Failed if !protocol.ended_by_loss() => {
            TransactionStatus::Failed(protocol.first_error())
        }
        _ => TransactionStatus::Open,
    }
}

/// Returns how the body ended the transaction; `None` if it did not.
fn end_by_body(standing: &Standing) -> Option<TransactionStatus> {
    let before = match standing.first? {
        TransactionEnd::Committed => true,
        TransactionEnd::RolledBack => false,
        TransactionEnd::Unseen => {
            return Some(TransactionStatus::Parted(PartlyCommitted::EndedUnseen));
        }
    };
    let behind = standing.behind;
    let part = behind.and_then(|behind| CommittedPart::of(before, behind));
    Some(match (part, &standing.refused) {
        (Some(part), _) => TransactionStatus::Parted(PartlyCommitted::EndedByBody(part)),
        (None, Some(error)) if !before => TransactionStatus::Refused(error.clone()),
        (None, _) => TransactionStatus::Ended {
            committed: before,
            error: None,
        },
    })
}

impl Unseen {
    fn end(self) -> Option<TransactionStatus> {
        match self {
            Self::Open | Self::InDoubt { .. } => None,
            Self::Ended { rolled_back: true } => Some(TransactionStatus::Ended {
                committed: false,
                error: None,
            }),
            Self::Ended { rolled_back: false } => {
                Some(TransactionStatus::Parted(PartlyCommitted::EndedUnseen))
            }
        }
    }
}
