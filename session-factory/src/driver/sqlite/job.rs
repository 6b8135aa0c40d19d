//! Work on a connection's thread, as a future that may be dropped.

use std::pin::Pin;
use std::task::{Context, Poll};

use diesel::QueryResult;
use diesel::sqlite::SqliteConnection;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::link::{Facts, SqliteLink};

/// What a dropped job leaves: it goes on by itself, and somebody must see its end.
pub(super) type Leftover = BoxFuture<'static, ()>;

/// One piece of work. It starts at the first poll.
///
/// diesel-async's own future blocks its thread when it is dropped in mid-flight, and panics on a
/// current-thread runtime. This one moves what is under way into the link instead, for the next job or the
/// recovery to wait for.
pub(super) struct Job<'link, W, R: 'static> {
    link: &'link mut SqliteLink,
    state: State<W, R>,
}

enum State<W, R: 'static> {
    /// Not started.
    Waiting(Option<W>),
    /// An earlier job has to end first.
    Behind(Leftover, Option<W>),
    Running(BoxFuture<'static, QueryResult<R>>),
    Done,
}

impl<'link, W, R> Job<'link, W, R>
where
    W: FnOnce(&mut SqliteConnection) -> QueryResult<R> + Send + 'static,
    R: Send + 'static,
{
    pub(super) fn new(link: &'link mut SqliteLink, work: W) -> Self {
        Self {
            link,
            state: State::Waiting(Some(work)),
        }
    }
}

impl<W, R: 'static> Unpin for Job<'_, W, R> {}

impl<W, R> Future for Job<'_, W, R>
where
    W: FnOnce(&mut SqliteConnection) -> QueryResult<R> + Send + 'static,
    R: Send + 'static,
{
    type Output = QueryResult<R>;

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
                    this.state = State::Running(this.link.wrapper().spawn_blocking(work));
                }
                State::Behind(leftover, work) => {
                    std::task::ready!(leftover.poll_unpin(cx));
                    this.state = State::Waiting(work.take());
                }
                State::Running(running) => {
                    let result = std::task::ready!(running.poll_unpin(cx));
                    this.state = State::Done;
                    return Poll::Ready(result);
                }
                State::Done => return Poll::Pending,
            }
        }
    }
}

impl<W, R: 'static> Drop for Job<'_, W, R> {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Running(running) => {
                Facts::stop_running(self.link.facts());
                // The type of the result is of no interest any more.
                self.link.keep_leftover(forget_result(running));
            }
            State::Behind(leftover, _) => self.link.keep_leftover(leftover),
            State::Waiting(_) | State::Done => {}
        }
    }
}

fn forget_result<R>(running: BoxFuture<'static, QueryResult<R>>) -> Leftover
where
    R: 'static,
{
    running.map(drop).boxed()
}
