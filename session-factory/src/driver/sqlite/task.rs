//! Work on a connection, as a future that can be dropped.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use diesel::connection::Connection as _;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sqlite::SqliteConnection;
use futures_util::FutureExt;
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};

use super::connection::LiteConnection;
use super::leftover::Leftover;
use super::quiet::{noting_panic, panicked};
use super::slot::Slot;
use super::threads::{Call, Work};
use super::{threads::readers, transaction};
use crate::driver::CommitSent;

/// Why a task has no result.
#[derive(Debug)]
pub(super) enum Lost {
    /// The work did not begin.
    Before(Error),
    /// The work did not finish, for example because it panicked.
    During(Error),
}

impl Lost {
    /// A method rather than `From`, which the compiler would suggest to users.
    pub(super) fn into_error(self) -> Error {
        match self {
            Self::Before(error) | Self::During(error) => error,
        }
    }
}

/// One piece of work. It starts at the first poll: on the writer's thread if the session has or gets the turn
/// to write, else on one of the readers' threads. The connection moves to that thread, and returns with the
/// result.
///
/// diesel-async's own future blocks its thread when it is dropped in mid-flight, and panics on a
/// current-thread runtime. This future stores the running work in the connection as soon as it
/// starts. The connection's next task, or recovery, waits for that work, even if this future was
/// dropped or leaked (`mem::forget`).
pub(super) struct Task<'lite, W, R: Send + 'static> {
    lite: &'lite mut LiteConnection,
    /// Set when the work can no longer be withdrawn.
    sent: Option<CommitSent>,
    state: State<W, R>,
}

enum State<W, R: Send + 'static> {
    /// Not started. Earlier work may have to end first.
    Waiting(Option<W>),
    Running(Running<R>),
    Done,
}

struct Running<R> {
    result: oneshot::Receiver<Result<R, Lost>>,
    /// The time limit for the turn to write.
    limit: Option<Pin<Box<Sleep>>>,
}

impl<'lite, W, R> Task<'lite, W, R>
where
    W: FnOnce(&mut SqliteConnection) -> R + Send + 'static,
    R: Send + 'static,
{
    pub(super) fn new(lite: &'lite mut LiteConnection, work: W, sent: Option<CommitSent>) -> Self {
        Self {
            lite,
            sent,
            state: State::Waiting(Some(work)),
        }
    }

    fn start(&mut self, work: W) -> Result<Running<R>, Lost> {
        let waiting = self.lite.take_waiting();
        let state = Arc::clone(self.lite.state());
        if let Slot::Wrapped(lent) = self.lite.slot()
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
        let (answer, result) = oneshot::channel();
        let mut connection = match self.lite.slot() {
            Slot::Wrapped(lent) => {
                if let Some(sent) = self.sent.take() {
                    sent.set();
                }
                let running = lent
                    .wrapper()
                    .spawn_blocking(|connection| Ok(work(connection)));
                let ended = running.map(|ended| {
                    let ended = ended.unwrap_or_else(|error| Err(Lost::During(error)));
                    let _nobody_waits = answer.send(ended);
                });
                self.lite.keep_leftover(Leftover::Lent(ended.boxed()));
                return Ok(Running {
                    result,
                    limit: None,
                });
            }
            held => match std::mem::replace(held, Slot::Away) {
                Slot::Home(connection) => connection,
                _ => return Err(Lost::Before(broken("the connection is closed"))),
            },
        };
        let (home, back) = oneshot::channel();
        self.lite.keep_leftover(Leftover::Away(back));
        let task: Work = Box::new(move |call| {
            let result = match call {
                Call::Run => work(&mut connection),
                Call::GiveBack => Err(Lost::Before(transaction::turn_did_not_come())),
            };
            let _nobody_waits = answer.send(result);
            // If the `LiteConnection` was dropped, the connection is closed here.
            let _closed = home.send(connection);
        });
        let mut limit = None;
        match self.lite.turn() {
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
        Ok(Running { result, limit })
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

    /// Like `task`, and sets `sent` when the work can no longer be withdrawn.
    pub(super) fn task_that_commits<W, R>(&mut self, work: W, sent: CommitSent) -> Task<'_, W, R>
    where
        W: FnOnce(&mut SqliteConnection) -> R + Send + 'static,
        R: Send + 'static,
    {
        Task::new(self, work, Some(sent))
    }

    /// Waits for the work of a dropped statement.
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
                    if this.lite.has_leftover() {
                        // A leaked future (`mem::forget`) has not stopped its work, so stop it here.
                        this.lite.stop_leftover();
                        ready!(this.lite.poll_leftover(cx));
                        this.lite.state().go_on();
                    }
                    let Some(work) = work.take() else {
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
                State::Running(running) => {
                    let result = ready!(running.poll(this.lite, cx));
                    this.state = State::Done;
                    return Poll::Ready(result);
                }
                State::Done => return Poll::Pending,
            }
        }
    }
}

impl<R: Send> Running<R> {
    fn poll(&mut self, lite: &mut LiteConnection, cx: &mut Context<'_>) -> Poll<Result<R, Lost>> {
        loop {
            if lite.poll_leftover(cx).is_ready() {
                let result = self.result.try_recv();
                return Poll::Ready(
                    result.unwrap_or_else(|_| Err(Lost::During(broken("its thread has ended")))),
                );
            }
            let Some(timer) = &mut self.limit else {
                return Poll::Pending;
            };
            ready!(timer.poll_unpin(cx));
            self.limit = None;
            lite.withdraw();
        }
    }
}

impl<W, R: Send + 'static> Drop for Task<'_, W, R> {
    fn drop(&mut self) {
        match self.state {
            State::Running(_) => self.lite.stop_leftover(),
            State::Waiting(_) if self.lite.has_leftover() => self.lite.stop_leftover(),
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
