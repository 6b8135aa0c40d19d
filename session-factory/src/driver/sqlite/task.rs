//! Work on a connection, as a future that may be dropped.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use diesel::QueryResult;
use diesel::connection::Connection as _;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sqlite::SqliteConnection;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};

use super::connection::LiteConnection;
use super::leftover::{Connection, Leftover};
use super::quiet::{noting_panic, panicked};
use super::slot::Slot;
use super::state::ConnectionState;
use super::threads::{Call, Work};
use super::{threads::readers, transaction};
use crate::driver::CommitSent;

/// Why a task has no result.
#[derive(Debug)]
pub(super) enum Lost {
    /// It was not begun.
    Before(Error),
    /// It was cut short: by a panic, say.
    During(Error),
}

impl Lost {
    /// Not `From`: users would find it among the compiler's suggestions.
    pub(super) fn into_error(self) -> Error {
        match self {
            Self::Before(error) | Self::During(error) => error,
        }
    }
}

/// One piece of work. It starts at the first poll, on the writers' thread in a session's turn to write, else on
/// one of the connections'. The connection goes there with it and comes back with its result.
///
/// diesel-async's own future blocks its thread when it is dropped in mid-flight, and panics on a
/// current-thread runtime. This one moves what is under way into the connection instead, for the next task or the
/// recovery to wait for.
pub(super) struct Task<'link, W, R: Send + 'static> {
    link: &'link mut LiteConnection,
    /// Told when the turn to write comes.
    sent: Option<CommitSent>,
    state: State<W, R>,
}

enum State<W, R: Send + 'static> {
    /// Not started.
    Waiting(Option<W>),
    /// An earlier task has to end first.
    Behind(Leftover, Option<W>),
    Running(Running<R>),
    Done,
}

enum Running<R: Send + 'static> {
    Away {
        back: oneshot::Receiver<(Connection, Result<R, Lost>)>,
        /// How long it may still wait for its turn.
        limit: Option<Pin<Box<Sleep>>>,
    },
    /// On a connection that diesel-async holds.
    Lent(BoxFuture<'static, QueryResult<Result<R, Lost>>>),
}

impl<'link, W, R> Task<'link, W, R>
where
    W: FnOnce(&mut SqliteConnection) -> R + Send + 'static,
    R: Send + 'static,
{
    pub(super) fn new(link: &'link mut LiteConnection, work: W, sent: Option<CommitSent>) -> Self {
        Self {
            link,
            sent,
            state: State::Waiting(Some(work)),
        }
    }

    fn start(&mut self, work: W) -> Result<Running<R>, Lost> {
        let waiting = self.link.take_waiting();
        let state = Arc::clone(self.link.state());
        if let Slot::Wrapped(lent) = self.link.slot()
            && state.is_raw()
            && lent.has_panicked()
        {
            state.set_panicked();
        }
        let work = move |connection: &mut SqliteConnection| {
            if let Some(instrumentation) = waiting {
                connection.set_instrumentation(instrumentation);
            }
            noting_panic(&state, || work(connection)).ok_or_else(|| Lost::During(panicked()))
        };
        let mut connection = match self.link.slot() {
            Slot::Wrapped(lent) => {
                if let Some(sent) = self.sent.take() {
                    sent.set();
                }
                let running = lent
                    .wrapper()
                    .spawn_blocking(|connection| Ok(work(connection)));
                return Ok(Running::Lent(running));
            }
            held => match std::mem::replace(held, Slot::Away) {
                Slot::Home(connection) => connection,
                _ => return Err(Lost::Before(broken("the connection is closed"))),
            },
        };
        let (answer, back) = oneshot::channel();
        let task: Work = Box::new(move |call| {
            let result = match call {
                Call::Run => work(&mut connection),
                Call::GiveBack => Err(Lost::Before(transaction::turn_did_not_come())),
            };
            // Where nobody takes it the connection is closed here.
            let _closed = answer.send((connection, result));
        });
        let mut limit = None;
        match self.link.turn() {
            Some(turn) if turn.is_new() => {
                if !turn.ask(task, self.sent.take())
                    && let Some(_timers) = crate::runtime::enter()
                {
                    limit = Some(Box::pin(sleep(transaction::BUSY_LIMIT)));
                }
            }
            turn => {
                if let Some(sent) = self.sent.take() {
                    sent.set();
                }
                match turn.filter(|turn| turn.is_taken()) {
                    Some(turn) => turn.run(task),
                    None => readers::start(task),
                }
            }
        }
        Ok(Running::Away { back, limit })
    }
}

impl LiteConnection {
    pub(super) fn task<W, R>(&mut self, work: W) -> Task<'_, W, R>
    where
        W: FnOnce(&mut SqliteConnection) -> R + Send + 'static,
        R: Send + 'static,
    {
        Task::new(self, work, None)
    }

    /// The same, and `sent` is told when it can no longer be withdrawn.
    pub(super) fn task_that_commits<W, R>(&mut self, work: W, sent: CommitSent) -> Task<'_, W, R>
    where
        W: FnOnce(&mut SqliteConnection) -> R + Send + 'static,
        R: Send + 'static,
    {
        Task::new(self, work, Some(sent))
    }

    /// Waits for what a dropped statement left.
    pub(super) async fn settle(&mut self) -> Result<(), Lost> {
        if self.has_leftover() {
            self.task(|_| ()).await
        } else {
            Ok(())
        }
    }
}

impl<W, R: Send + 'static> Unpin for Task<'_, W, R> {}

impl<W, R> Future for Task<'_, W, R>
where
    W: FnOnce(&mut SqliteConnection) -> R + Send + 'static,
    R: Send + 'static,
{
    type Output = Result<R, Lost>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            match &mut this.state {
                State::Waiting(work) => {
                    let work = work.take();
                    if let Some(leftover) = this.link.take_leftover() {
                        this.state = State::Behind(leftover, work);
                        continue;
                    }
                    let Some(work) = work else {
                        return Poll::Pending;
                    };
                    match this.start(work) {
                        Ok(running) => this.state = State::Running(running),
                        Err(lost) => {
                            this.state = State::Done;
                            return Poll::Ready(Err(lost));
                        }
                    }
                }
                State::Behind(leftover, work) => {
                    let back = ready!(leftover.poll_unpin(cx));
                    this.link.came_back(back);
                    this.state = State::Waiting(work.take());
                }
                State::Running(running) => {
                    let result = ready!(running.poll(this.link, cx));
                    this.state = State::Done;
                    return Poll::Ready(result);
                }
                State::Done => return Poll::Pending,
            }
        }
    }
}

impl<R: Send> Running<R> {
    fn poll(&mut self, link: &mut LiteConnection, cx: &mut Context<'_>) -> Poll<Result<R, Lost>> {
        let (back, limit) = match self {
            Self::Lent(running) => {
                let ended = ready!(running.poll_unpin(cx));
                return Poll::Ready(ended.unwrap_or_else(|error| Err(Lost::During(error))));
            }
            Self::Away { back, limit } => (back, limit),
        };
        loop {
            if let Poll::Ready(came) = back.poll_unpin(cx) {
                let Ok((connection, result)) = came else {
                    return Poll::Ready(Err(Lost::During(broken("its thread has ended"))));
                };
                link.came_back(Some(connection));
                return Poll::Ready(result);
            }
            let Some(timer) = limit else {
                return Poll::Pending;
            };
            ready!(timer.poll_unpin(cx));
            *limit = None;
            link.withdraw();
        }
    }
}

impl<W, R: Send + 'static> Drop for Task<'_, W, R> {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Running(Running::Lent(running)) => {
                ConnectionState::stop_running(self.link.state());
                self.link.keep_leftover(running.map(|_| None).boxed());
            }
            State::Running(Running::Away { mut back, .. }) => {
                if self.link.withdraw()
                    && let Ok((connection, _)) = back.try_recv()
                {
                    self.link.came_back(Some(connection));
                    return;
                }
                ConnectionState::stop_running(self.link.state());
                // The type of the result is of no interest any more.
                let leftover = back.map(|back| back.ok().map(|(connection, _)| connection));
                self.link.keep_leftover(leftover.boxed());
            }
            State::Behind(leftover, _) => {
                self.link.keep_leftover(leftover);
                self.link.withdraw();
            }
            State::Waiting(_) | State::Done => {}
        }
    }
}

fn broken(why: &str) -> Error {
    Error::DatabaseError(
        DatabaseErrorKind::UnableToSendCommand,
        Box::new(why.to_owned()),
    )
}
