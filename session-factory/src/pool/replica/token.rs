//! A commit's token, for readers in other processes.

use std::fmt;
use std::str::FromStr;

use crate::call::LogPosition;

/// Names a factory's newest commit, for another reader: a process with the same database and a
/// replica, or the same client's later request.
///
/// [`Factory::commit_token`](crate::Factory::commit_token) returns it. It travels as text
/// (`to_string()`, `parse()`): in a header, a cookie, a job. A reader passes it to
/// [`Factory::following`](crate::Factory::following) or
/// [`SessionBuilder::after`](crate::SessionBuilder::after), and the session then uses a replica only after the replica
/// has replayed that commit. The token contains nothing secret. A forged token only keeps its own reader from the
/// replica (and occupies a connection to the replica for a tenth of a second).
///
/// ```
/// use session_factory::CommitToken;
///
/// let token: CommitToken = "16/B374D848@1700000000000000".parse()?;
/// assert_eq!(token.to_string(), "16/B374D848@1700000000000000");
/// assert!("soon".parse::<CommitToken>().is_err());
/// # Ok::<(), session_factory::CommitTokenError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CommitToken(LogPosition);

impl CommitToken {
    pub(crate) const fn new(position: LogPosition) -> Self {
        Self(position)
    }

    pub(crate) const fn position(self) -> LogPosition {
        self.0
    }
}

impl fmt::Display for CommitToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The text is not a [`CommitToken`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no commit token: expected the text of one, as in 16/B374D848@1700000000000000")]
#[non_exhaustive]
pub struct CommitTokenError;

impl FromStr for CommitToken {
    type Err = CommitTokenError;

    fn from_str(text: &str) -> Result<Self, CommitTokenError> {
        LogPosition::parse(text).map(Self).ok_or(CommitTokenError)
    }
}
