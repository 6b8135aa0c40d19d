//! One statement: what the session notes when it is sent, answered or dropped.

use std::fmt::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use diesel::QueryResult;
use futures_util::future::{BoxFuture, FutureExt, ready};
use futures_util::stream::{BoxStream, Stream, StreamExt};

use super::work::Work;
use crate::driver::{CommitReply, CommitSent, Driver, Last, Reply, Untyped};
use crate::error::SessionError;
use crate::observe::{Change, Line, Step};

/// Notes what happens to a statement. Created at the first poll.
pub(super) struct Tracker<'conn> {
    work: &'conn mut Work,
    begins: bool,
    lines: Option<Box<Lines>>,
    resolved: bool,
}

impl<'conn> Tracker<'conn> {
    pub(super) fn sent(work: &'conn mut Work, lines: Option<Box<Lines>>) -> Self {
        let begins = !work.is_begun();
        work.sent();
        Self {
            work,
            begins,
            lines,
            resolved: false,
        }
    }

    /// Notes the answer and returns the statement's result.
    fn resolve<T>(&mut self, reply: Reply<T>) -> QueryResult<T> {
        self.resolved = true;
        self.work.answered();
        if let Some(lines) = &mut self.lines {
            lines.ahead(&reply.ahead);
        }
        if let Err(error) = reply.ahead {
            let error = match SessionError::from(error) {
                // The driver refused the statement: that is no failure of the statement's own.
                SessionError::Aborted(aborted) if !self.begins => {
                    self.outcome(|| format!("error: {aborted}"));
                    let reason = aborted.reason().clone();
                    self.work.refused_for(reason.clone());
                    return Err(self.work.aborted(reason).into());
                }
                error => diesel::result::Error::from(error),
            };
            if self.begins {
                self.work.not_begun();
            } else {
                self.work.control_failed(&error);
            }
            self.failed(&error);
            // The error may be the session's own, and say more than the database did.
            let error = match SessionError::from(error) {
                SessionError::PartlyCommitted(parts) => self.work.part(&parts).into(),
                SessionError::Aborted(aborted) => {
                    self.work.aborted(aborted.reason().clone()).into()
                }
                other => other.into(),
            };
            Err(self.work.counted(error))
        } else {
            self.work.went_ahead();
            reply.result.map_err(|error| {
                self.failed(&error);
                if reply.unsent && !changes_nothing(&error) {
                    self.work.failed_unsent(&error);
                }
                self.work.counted(error)
            })
        }
    }

    fn failed(&mut self, error: &diesel::result::Error) {
        self.work.failed(&error.into());
        self.outcome(|| format!("error: {error}"));
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
    ahead: Vec<Line>,
    statement: Option<Line>,
}

impl Lines {
    /// None: the echo is off.
    #[inline]
    pub(super) fn of(work: &Work, statement: impl FnOnce() -> String) -> Option<Box<Self>> {
        work.echo.as_ref()?;
        let mut lines = Self::of_ahead(work)?;
        lines.statement = work.echo.as_ref().map(|echo| echo.line(statement));
        Some(lines)
    }

    /// The same without a statement.
    pub(super) fn of_ahead(work: &Work) -> Option<Box<Self>> {
        let echo = work.echo.as_ref()?;
        let line = |step: Step| {
            let implied = step.change == Change::Begin && step.text.is_empty();
            // The first statement begins the transaction.
            let text = if implied {
                "BEGIN (implicit)".into()
            } else {
                step.text
            };
            (!text.is_empty()).then(|| echo.line(|| text))
        };
        Some(Box::new(Self {
            ahead: work.steps().into_iter().filter_map(line).collect(),
            statement: None,
        }))
    }

    /// The server has answered the prelude.
    fn ahead(&mut self, result: &QueryResult<()>) {
        let mut lines = self.ahead.drain(..);
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
        for line in self.ahead.into_iter().chain(self.statement) {
            line.finish(&outcome);
        }
    }
}

/// An UPDATE without changes, which `optional_empty_changeset()` turns into a value.
fn changes_nothing(error: &diesel::result::Error) -> bool {
    matches!(error, diesel::result::Error::QueryBuilderError(error)
        if error.is::<diesel::result::EmptyChangeset>())
}

impl Drop for Tracker<'_> {
    fn drop(&mut self) {
        if !self.resolved {
            self.work.abandoned();
        }
        self.outcome(|| "dropped before it finished".into());
    }
}

/// Runs a statement that returns a value.
pub(super) async fn run<T>(
    work: &mut Work,
    lines: Option<Box<Lines>>,
    statement: BoxFuture<'_, Reply<T>>,
    outcome: impl FnOnce(&T) -> String,
) -> QueryResult<T> {
    let mut tracker = Tracker::sent(work, lines);
    let result = tracker.resolve(statement.await);
    if let Ok(value) = &result {
        tracker.outcome(|| outcome(value));
    }
    result
}

/// Runs a statement that returns the number of changed rows. Not generic over the query, so compiled once.
pub(super) fn count<'conn>(
    work: &'conn mut Work,
    lines: Option<Box<Lines>>,
    sees_writes: bool,
    statement: BoxFuture<'conn, Reply<usize>>,
) -> BoxFuture<'conn, QueryResult<usize>> {
    async move {
        let count = run(&mut *work, lines, statement, |count| rows(*count as u64)).await?;
        if count > 0 && !sees_writes {
            work.wrote();
        }
        Ok(count)
    }
    .boxed()
}

/// The result of a statement that the session refuses to send.
pub(super) fn refused<'conn, T: Send + 'conn>(
    error: SessionError,
) -> BoxFuture<'conn, QueryResult<T>> {
    ready(Err(error.into())).boxed()
}

/// What the echo prints of a query: its text and its binds.
pub(super) fn lines<D: Driver>(work: &Work, query: Untyped<'_, D::Backend>) -> Option<Box<Lines>> {
    Lines::of(work, || {
        let mut text = String::new();
        // A query that cannot be built (an UPDATE without changes) has no text; it fails when it runs.
        match write!(text, "{}", diesel::debug_query::<D::Backend, _>(&query)) {
            Ok(()) => text,
            Err(_) => "a query that cannot be built".into(),
        }
    })
}

/// Runs a statement with COMMIT sent behind it. None: COMMIT was not sent.
pub(super) async fn last(
    work: &mut Work,
    lines: Option<Box<Lines>>,
    statement: impl Future<Output = Last>,
    sent: CommitSent,
) -> (QueryResult<usize>, Option<CommitReply>) {
    let mut tracker = Tracker::sent(work, lines);
    tracker.work.set_commit_sent(sent);
    let Last { reply, commit } = statement.await;
    let result = tracker.resolve(reply);
    if let Ok(count) = &result {
        tracker.outcome(|| rows(*count as u64));
    }
    (result, commit)
}

/// Runs a query that streams its rows.
pub(super) fn stream<'conn, R, S>(
    work: &'conn mut Work,
    lines: Option<Box<Lines>>,
    statement: BoxFuture<'conn, Reply<S>>,
) -> BoxFuture<'conn, QueryResult<BoxStream<'conn, QueryResult<R>>>>
where
    R: Send + 'conn,
    S: Stream<Item = QueryResult<R>> + Send + Unpin + 'conn,
{
    async move {
        let mut tracker = Tracker::sent(work, lines);
        let inner = tracker.resolve(statement.await)?;
        tracker.work.streaming();
        Ok(Rows {
            inner,
            tracker,
            count: 0,
        }
        .boxed())
    }
    .boxed()
}

/// A query's rows. An error among them fails the statement like one before the first row.
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
                Some(Err(this.tracker.work.counted(error)))
            }
            None => {
                this.tracker.work.streamed();
                let count = this.count;
                this.tracker.outcome(|| rows(count));
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
        self.tracker.outcome(|| rows(count));
    }
}

pub(super) fn rows(count: u64) -> String {
    match count {
        1 => "1 row".to_owned(),
        count => format!("{count} rows"),
    }
}
