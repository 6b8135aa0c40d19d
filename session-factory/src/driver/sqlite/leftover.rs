//! Work on a connection that continues after its future was dropped or leaked (`mem::forget`).

use std::task::{Context, Poll, ready};

use diesel::sqlite::SqliteConnection;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

/// The connection, which travels to the thread that works on it, and back.
pub(super) type Connection = Box<SqliteConnection>;

/// Running work. `LiteConnection` owns it, rather than the future that started it. So the connection
/// comes back, or is closed with its `LiteConnection`, whatever happens to that future.
pub(super) enum Leftover {
    /// Work on another thread, which has the connection.
    Away(oneshot::Receiver<Connection>),
    /// Work on a connection inside diesel-async's wrapper.
    Lent(BoxFuture<'static, ()>),
}

impl Leftover {
    /// Ready when the work has ended. Returns the connection, if it was away.
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
