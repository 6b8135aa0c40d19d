//! One statement: what the session notes when it is sent, answered or dropped.

use std::any::TypeId;
use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::query_builder::{QueryBuilder, QueryFragment};
use futures_util::future::{BoxFuture, FutureExt, ready};
use futures_util::stream::{BoxStream, Stream, StreamExt};

use super::state::SessionState;
use crate::driver::{CommitOutcome, CommitSent, Driver, DriverConnection, Last, Reply, Untyped};
use crate::error::SessionError;
use crate::observe::{Change, Ended, Line, StatementMonitor, StatementText, Step};

/// Notes what happens to a statement. Created at the first poll.
pub(super) struct Tracker<'conn> {
    state: &'conn mut SessionState,
    begins: bool,
    lines: Option<Box<Lines>>,
    /// What the observers see of the statement; `None` once its end was reported.
    monitor: Option<StatementMonitor>,
    resolved: bool,
}

/// The echo's lines and the observers' monitor for one statement.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) lines: Option<Box<Lines>>,
    pub(super) monitor: Option<StatementMonitor>,
}

impl<'conn> Tracker<'conn> {
    pub(super) fn sent(state: &'conn mut SessionState, seen: Seen) -> Self {
        let Seen { lines, mut monitor } = seen;
        let begins = !state.is_begun();
        state.sent();
        if let (Some(session), Some(statement)) = (&mut state.monitor, &mut monitor) {
            session.sent(statement);
        }
        Self {
            state,
            begins,
            lines,
            monitor,
            resolved: false,
        }
    }

    /// Notes the answer and returns the statement's result.
    fn resolve<T>(&mut self, reply: Reply<T>) -> QueryResult<T> {
        self.resolved = true;
        self.state.answered();
        if let Some(lines) = &mut self.lines {
            lines.prelude(&reply.prelude);
        }
        if let Err(error) = reply.prelude {
            let error = match SessionError::from(error) {
                // The driver refused to send the statement, so the statement itself did not fail.
                SessionError::Aborted(aborted) if !self.begins => {
                    self.outcome(|| format!("error: {aborted}"));
                    self.ended(Ended::Refused);
                    let reason = aborted.reason().clone();
                    self.state.refused_for(reason.clone());
                    return Err(self.state.aborted(reason).into());
                }
                error => diesel::result::Error::from(error),
            };
            if self.begins {
                self.state.not_begun();
            } else {
                self.state.control_failed(&error);
            }
            self.failed(&error);
            // The error may be the session's own, and say more than the database did.
            let error = match SessionError::from(error) {
                SessionError::PartlyCommitted(parts) => self.state.part(&parts).into(),
                SessionError::Aborted(aborted) => {
                    self.state.aborted(aborted.reason().clone()).into()
                }
                other => other.into(),
            };
            Err(self.state.counted(error))
        } else {
            self.state.prelude_done();
            reply.result.map_err(|error| {
                self.failed(&error);
                if reply.unsent && !changes_nothing(&error) {
                    self.state.failed_unsent(&error);
                }
                self.state.counted(error)
            })
        }
    }

    fn failed(&mut self, error: &diesel::result::Error) {
        self.state.failed(&error.into());
        self.outcome(|| format!("error: {error}"));
        self.ended(Ended::Failed(error));
    }

    /// Reports that the statement ran to its end.
    fn ran(&mut self, count: Option<u64>) {
        self.outcome(|| count.map_or_else(|| "ok".to_owned(), rows));
        self.ended(Ended::Ran(count));
    }

    /// Reports the statement to the observers, unless its end was reported before.
    fn ended(&mut self, ended: Ended<'_>) {
        if let Some(statement) = self.monitor.take()
            && let Some(session) = &mut self.state.monitor
        {
            session.ended(statement, ended);
        }
    }

    fn outcome(&mut self, outcome: impl FnOnce() -> String) {
        if let Some(lines) = self.lines.take() {
            lines.finish(outcome);
        }
    }
}

/// What the echo prints: a line for each text in the prelude, then the statement's own line.
#[derive(Debug)]
pub(super) struct Lines {
    prelude: Vec<Line>,
    statement: Option<Line>,
}

impl Lines {
    /// Returns `None` if the echo is off.
    #[inline]
    pub(super) fn of(
        state: &SessionState,
        statement: impl FnOnce() -> String,
    ) -> Option<Box<Self>> {
        state.echo.as_ref()?;
        let mut lines = Self::of_prelude(state)?;
        lines.statement = state.echo.as_ref().map(|echo| echo.line(statement));
        Some(lines)
    }

    /// Like `of`, without a statement.
    pub(super) fn of_prelude(state: &SessionState) -> Option<Box<Self>> {
        let echo = state.echo.as_ref()?;
        let line = |step: Step| {
            let implied = step.change == Change::Begin && step.text.is_empty();
            // A BEGIN without text is not sent: the first statement begins the transaction.
            let text = if implied {
                "BEGIN (implicit)".into()
            } else {
                step.text
            };
            (!text.is_empty()).then(|| echo.line(|| text))
        };
        Some(Box::new(Self {
            prelude: state.steps().into_iter().filter_map(line).collect(),
            statement: None,
        }))
    }

    /// Prints the prelude's lines. Call when the server has answered the prelude.
    fn prelude(&mut self, result: &QueryResult<()>) {
        let mut lines = self.prelude.drain(..);
        if let Err(error) = result
            && let Some(first) = lines.next()
        {
            first.finish(&format!("error: {error}"));
        }
        for line in lines {
            line.finish(if result.is_ok() { "ok" } else { "not run" });
        }
    }

    fn finish(self, outcome: impl FnOnce() -> String) {
        let outcome = outcome();
        for line in self.prelude.into_iter().chain(self.statement) {
            line.finish(&outcome);
        }
    }
}

/// True for an UPDATE without changes, which `optional_empty_changeset()` turns into a value.
fn changes_nothing(error: &diesel::result::Error) -> bool {
    matches!(error, diesel::result::Error::QueryBuilderError(error)
        if error.is::<diesel::result::EmptyChangeset>())
}

impl Drop for Tracker<'_> {
    fn drop(&mut self) {
        if !self.resolved {
            self.state.abandoned();
        }
        self.outcome(|| "dropped before it finished".into());
        self.ended(Ended::Dropped);
    }
}

/// Runs a statement that returns a value.
pub(super) async fn run<T>(
    state: &mut SessionState,
    seen: Seen,
    statement: BoxFuture<'_, Reply<T>>,
    rows_of: impl FnOnce(&T) -> Option<u64>,
) -> QueryResult<T> {
    let mut tracker = Tracker::sent(state, seen);
    let result = tracker.resolve(statement.await);
    if let Ok(value) = &result {
        tracker.ran(rows_of(value));
    }
    result
}

/// Runs a statement that returns the number of changed rows. Not generic over the query, so compiled once.
pub(super) fn count<'conn>(
    state: &'conn mut SessionState,
    seen: Seen,
    sees_writes: bool,
    statement: BoxFuture<'conn, Reply<usize>>,
) -> BoxFuture<'conn, QueryResult<usize>> {
    async move {
        let mut tracker = Tracker::sent(state, seen);
        let count = tracker.resolve(statement.await)?;
        tracker.ran(Some(count as u64));
        if count > 0 && !sees_writes {
            tracker.state.wrote();
        }
        Ok(count)
    }
    .boxed()
}

/// Returns the result of a statement that the session refuses to send.
pub(super) fn refused<'conn, T: Send + 'conn>(
    error: SessionError,
) -> BoxFuture<'conn, QueryResult<T>> {
    ready(Err(error.into())).boxed()
}

/// Returns what the echo and the observers see of a query.
pub(super) fn seen<D: Driver>(
    connection: &mut D::Connection,
    state: &SessionState,
    query: Untyped<'_, D::Backend>,
) -> Seen {
    let monitor = state
        .monitor
        .as_ref()
        .map(|monitor| monitor.statement(|| text_of::<D>(query), || connection.server_errors()));
    Seen {
        lines: lines::<D>(state, query),
        monitor,
    }
}

/// Returns what the echo and the observers see of a script.
pub(super) fn seen_script<D: Driver>(
    connection: &mut D::Connection,
    state: &SessionState,
    sql: &str,
) -> Seen {
    let text = || StatementText::of_script(sql, D::QUOTING);
    let monitor = state.monitor.as_ref();
    Seen {
        lines: Lines::of(state, || sql.to_owned()),
        monitor: monitor.map(|monitor| monitor.statement(text, || connection.server_errors())),
    }
}

/// Returns a query's text for the observers.
pub(super) fn text_of<D: Driver>(query: Untyped<'_, D::Backend>) -> Arc<StatementText> {
    let backend = D::Backend::default();
    // Without an id if the number of placeholders depends on the values: each call may have another text.
    let id = query.id().filter(|_| {
        query
            .is_safe_to_cache_prepared(&backend)
            .is_ok_and(|is_safe| is_safe)
    });
    let id = id.map(|id| (id, TypeId::of::<D>()));
    StatementText::of_query(id, D::QUOTING, || {
        let mut sql = <D::Backend as Backend>::QueryBuilder::default();
        query.to_sql(&mut sql, &backend).ok()?;
        Some(sql.finish())
    })
}

/// Returns what the echo prints of a query: its text and its binds.
fn lines<D: Driver>(state: &SessionState, query: Untyped<'_, D::Backend>) -> Option<Box<Lines>> {
    Lines::of(state, || {
        let mut text = String::new();
        // A query that cannot be built (an UPDATE without changes) has no text; it fails when it runs.
        match write!(text, "{}", diesel::debug_query::<D::Backend, _>(&query)) {
            Ok(()) => text,
            Err(_) => "a query that cannot be built".into(),
        }
    })
}

/// Runs a statement with COMMIT sent directly after it. The outcome of COMMIT is `None` if COMMIT was not sent.
pub(super) async fn last(
    state: &mut SessionState,
    seen: Seen,
    statement: impl Future<Output = Last>,
    sent: CommitSent,
) -> (QueryResult<usize>, Option<CommitOutcome>) {
    let mut tracker = Tracker::sent(state, seen);
    tracker.state.set_commit_sent(sent);
    let Last { reply, commit } = statement.await;
    let result = tracker.resolve(reply);
    if let Ok(count) = &result {
        tracker.ran(Some(*count as u64));
    }
    (result, commit)
}

/// Runs a query that streams its rows.
pub(super) fn stream<'conn, R, S>(
    state: &'conn mut SessionState,
    seen: Seen,
    statement: BoxFuture<'conn, Reply<S>>,
) -> BoxFuture<'conn, QueryResult<BoxStream<'conn, QueryResult<R>>>>
where
    R: Send + 'conn,
    S: Stream<Item = QueryResult<R>> + Send + Unpin + 'conn,
{
    async move {
        let mut tracker = Tracker::sent(state, seen);
        let inner = tracker.resolve(statement.await)?;
        tracker.state.streaming();
        Ok(Rows {
            inner,
            tracker,
            count: 0,
        }
        .boxed())
    }
    .boxed()
}

/// A query's rows. An error between two rows fails the statement like an error before the first row.
struct Rows<'conn, S> {
    inner: S,
    tracker: Tracker<'conn>,
    count: u64,
}

impl<R, S: Stream<Item = QueryResult<R>> + Unpin> Stream for Rows<'_, S> {
    type Item = QueryResult<R>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let row = match std::task::ready!(Pin::new(&mut this.inner).poll_next(cx)) {
            Some(Ok(row)) => {
                this.count += 1;
                Some(Ok(row))
            }
            Some(Err(error)) => {
                this.tracker.failed(&error);
                Some(Err(this.tracker.state.counted(error)))
            }
            None => {
                this.tracker.state.streamed();
                let count = this.count;
                this.tracker.ran(Some(count));
                None
            }
        };
        Poll::Ready(row)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.size_hint()
    }
}

impl<S> Drop for Rows<'_, S> {
    fn drop(&mut self) {
        let count = self.count;
        // Reading fewer rows than there are is not an error.
        self.tracker.ran(Some(count));
    }
}

fn rows(count: u64) -> String {
    match count {
        1 => "1 row".to_owned(),
        count => format!("{count} rows"),
    }
}
