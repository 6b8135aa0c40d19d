//! Cancelling a running statement on the server: `KILL QUERY` on a second connection.

use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// An attempt that takes longer is given up; recovery makes another.
const PATIENCE: Duration = Duration::from_secs(2);
/// Before the first attempt: many statements are over by then. The pauses after it grow.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(1),
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
];
/// Connections that carry nothing but a `KILL`, in this process, at one time: they come on top of the pool's.
static KILLERS: Semaphore = Semaphore::const_new(2);

/// Kills the statement of one connection.
#[derive(Debug, Clone)]
pub(super) struct Killer {
    /// Straight to the server.
    opts: Opts,
    id: u32,
}

impl Killer {
    pub(super) fn new(opts: Opts, id: u32) -> Self {
        Self { opts, id }
    }

    /// One attempt. What it returns from is over: no `KILL` is on its way any more.
    pub(super) async fn fire(&self) {
        let Ok(_turn) = KILLERS.acquire().await else {
            return;
        };
        let _given_up = timeout(PATIENCE, async {
            let Ok(mut connection) = Conn::new(self.opts.clone()).await else {
                return;
            };
            // It fails when there is no such connection any more.
            let _gone = connection
                .query_drop(format!("KILL QUERY {}", self.id))
                .await;
            let _gone = connection.disconnect().await;
        })
        .await;
    }

    /// Kills until `done` resolves.
    pub(super) async fn until<T>(&self, done: impl Future<Output = T>) -> T {
        tokio::pin!(done);
        let mut pauses = PAUSES.iter().chain(std::iter::repeat(&PAUSES[5]));
        loop {
            let pause = pauses.next().copied().unwrap_or(PATIENCE);
            tokio::select! {
                biased;
                output = &mut done => return output,
                () = sleep(pause) => self.fire().await,
            }
        }
    }
}
