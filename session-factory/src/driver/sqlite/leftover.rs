//! What runs on a connection, and goes on when its future is dropped or forgotten.

use std::task::{Context, Poll, ready};

use diesel::sqlite::SqliteConnection;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

/// It goes to the thread that works on it, and comes back.
pub(super) type Connection = Box<SqliteConnection>;

/// It goes on by itself. The link keeps it, and not the future that began it: so the connection comes back, or is closed
/// with the link, whatever becomes of that future.
pub(super) enum Leftover {
    /// With the connection on another thread.
    Away(oneshot::Receiver<Connection>),
    /// On a connection that diesel-async holds.
    Lent(BoxFuture<'static, ()>),
}

impl Leftover {
    /// Ready when it is over, with the connection that was away.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Connection>> {
        match self {
            Self::Away(back) => back.poll_unpin(cx).map(Result::ok),
            Self::Lent(running) => {
                ready!(running.poll_unpin(cx));
                Poll::Ready(None)
            }
        }
    }
}
