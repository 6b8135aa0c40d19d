//! A session's last statement, for reports about connections that are held for too long.

use std::sync::Arc;
use std::time::Instant;

use super::statement_text::StatementText;
use crate::sync::Mutex;

/// The last statement of a session, which the pool's registry reads.
#[derive(Debug, Default)]
pub(crate) struct Activity(Mutex<Last>);

#[derive(Debug, Default)]
struct Last {
    statement: Option<Arc<StatementText>>,
    /// When the statement was sent, or, if it is not running any more, when it ended.
    since: Option<Instant>,
    is_running: bool,
    in_transaction: bool,
}

impl Activity {
    pub(super) fn started(&self, statement: &Arc<StatementText>, now: Instant) {
        let mut last = self.0.lock();
        *last = Last {
            statement: Some(Arc::clone(statement)),
            since: Some(now),
            is_running: true,
            in_transaction: true,
        };
    }

    pub(super) fn ended(&self, now: Instant) {
        let mut last = self.0.lock();
        last.is_running = false;
        last.since = Some(now);
    }

    /// Call when COMMIT or ROLLBACK has ended.
    pub(super) fn transaction_ended(&self) {
        self.0.lock().in_transaction = false;
    }

    /// Describes the activity: "idle in transaction, last statement SELECT users 3s ago".
    pub(super) fn describe(&self) -> String {
        let last = self.0.lock();
        let (Some(statement), Some(since)) = (&last.statement, last.since) else {
            return "no statement yet".to_owned();
        };
        let statement = statement.summary();
        let time = crate::time::in_millis(since.elapsed());
        match (last.is_running, last.in_transaction) {
            (true, _) => format!("running {statement} for {time}"),
            (false, true) => {
                format!("idle in transaction, last statement {statement} ended {time} ago")
            }
            (false, false) => format!("idle, last statement {statement} ended {time} ago"),
        }
    }
}
