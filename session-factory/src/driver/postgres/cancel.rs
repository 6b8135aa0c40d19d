//! Cancelling a running statement on the server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};
use tokio_postgres::{CancelToken, NoTls};

use super::ledger::Ledger;
use super::stays_open::StaysOpen;

/// A cancel request that takes longer is given up; recovery sends another.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two requests: the first may have arrived before the statement did.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(1),
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
];

/// Where the server of a connection is.
#[derive(Debug, Clone)]
pub(super) enum Address {
    Tcp(SocketAddr),
    #[cfg_attr(not(unix), allow(dead_code))]
    Unix(PathBuf),
}

/// Sends cancel requests for one connection.
#[derive(Clone)]
pub(super) struct Canceller {
    token: CancelToken,
    /// None: tokio-postgres made the connection and knows the address itself.
    address: Option<Address>,
}

impl Canceller {
    pub(super) fn new(token: CancelToken, address: Address) -> Self {
        Self {
            token,
            address: Some(address),
        }
    }

    pub(super) fn unaddressed(token: CancelToken) -> Self {
        Self {
            token,
            address: None,
        }
    }

    /// Sends one request and waits until the server has acted on it: it closes the request's connection
    /// after it has sent the signal. A request that is merely written could reach the next borrower.
    pub(super) async fn fire(&self) {
        let _given_up = timeout(PATIENCE, async {
            match &self.address {
                Some(Address::Tcp(address)) => {
                    if let Ok(stream) = TcpStream::connect(address).await {
                        self.over(stream).await;
                    }
                }
                #[cfg(unix)]
                Some(Address::Unix(path)) => {
                    if let Ok(stream) = UnixStream::connect(path).await {
                        self.over(stream).await;
                    }
                }
                #[cfg(not(unix))]
                Some(Address::Unix(_)) => {}
                None => {
                    let _unreachable = self.token.cancel_query(NoTls).await;
                }
            }
        })
        .await;
    }

    async fn over<S: AsyncRead + AsyncWrite + Unpin>(&self, mut stream: S) {
        if self
            .token
            .cancel_query_raw(StaysOpen(&mut stream), NoTls)
            .await
            .is_ok()
        {
            let mut end = [0; 1];
            let _closed = stream.read(&mut end).await;
        }
    }

    /// Sends requests until `done` resolves, each after a longer pause, as long as something runs. True
    /// when one was sent.
    pub(super) async fn until<T>(
        &self,
        done: impl Future<Output = T>,
        something_runs: impl Fn() -> bool,
    ) -> (T, bool) {
        tokio::pin!(done);
        let mut sent = false;
        let mut pauses = PAUSES.iter().chain(std::iter::repeat(&PAUSES[5]));
        loop {
            let pause = pauses.next().copied().unwrap_or(PATIENCE);
            tokio::select! {
                biased;
                output = &mut done => return (output, sent),
                () = sleep(pause) => {}
            }
            if !something_runs() {
                continue;
            }
            sent = true;
            // Not raced against `done`: a request under way must be over before anybody goes on.
            self.fire().await;
        }
    }

    /// Ends whatever statement was left running, and waits for the server's last word on it.
    pub(super) async fn settle(&self, ledger: Option<&Ledger>) {
        match ledger {
            Some(ledger) if ledger.is_quiet() => {}
            Some(ledger) => {
                let _settled = crate::runtime::within(self.until(ledger.quiet(), || true)).await;
            }
            None => {
                let _fired = crate::runtime::within(self.fire()).await;
            }
        }
    }
}
