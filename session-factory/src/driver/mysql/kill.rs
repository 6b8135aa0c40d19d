//! Cancelling a running statement on the server: `KILL QUERY` on a second connection.

use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, Opts};
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

/// Attempts that do not reach the server, after which it is taken for gone, and the connection with it.
const UNREACHABLE: u32 = 8;
const NO_SUCH_CONNECTION: u16 = 1094;

enum NotKilled {
    NoSuchConnection,
    Unreachable,
}

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
        let _given_up = self.kill("QUERY").await;
    }

    /// Ends the connection on the server, after it was lost on the way there, and waits until it is gone.
    pub(super) async fn end(&self) {
        let mut failures = 0;
        for pause in PAUSES.iter().chain(std::iter::repeat(&PAUSES[5])) {
            match self.kill("CONNECTION").await {
                // Told; gone a moment later.
                Ok(()) => failures = 0,
                Err(NotKilled::NoSuchConnection) => return,
                Err(NotKilled::Unreachable) => failures += 1,
            }
            if failures > UNREACHABLE {
                return;
            }
            sleep(*pause).await;
        }
    }

    async fn kill(&self, what: &str) -> Result<(), NotKilled> {
        let unreachable = |_| NotKilled::Unreachable;
        let _turn = KILLERS.acquire().await.map_err(unreachable)?;
        let attempt = async {
            let connection = Conn::new(self.opts.clone()).await;
            let mut connection = connection.map_err(|_| NotKilled::Unreachable)?;
            let killed = connection
                .query_drop(format!("KILL {what} {}", self.id))
                .await;
            let _gone = connection.disconnect().await;
            match killed {
                Ok(()) => Ok(()),
                Err(Error::Server(said)) if said.code == NO_SUCH_CONNECTION => {
                    Err(NotKilled::NoSuchConnection)
                }
                Err(_) => Err(NotKilled::Unreachable),
            }
        };
        timeout(PATIENCE, attempt)
            .await
            .unwrap_or(Err(NotKilled::Unreachable))
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
