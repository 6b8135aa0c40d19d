//! Cancelling a running statement on the server.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::time::{sleep, timeout};
use tokio_postgres::CancelToken;
#[cfg(not(feature = "tls"))]
use tokio_postgres::NoTls;

use super::ledger::Ledger;
#[cfg(feature = "tls")]
use super::tls;
use super::wire::{Done, Route, Wire};

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

/// Sends cancel requests for one connection.
#[derive(Clone)]
pub(super) struct Canceller {
    token: CancelToken,
    /// None: tokio-postgres made the connection and knows the address itself.
    route: Option<Route>,
}

impl Canceller {
    pub(super) fn new(token: CancelToken, route: Route) -> Self {
        Self {
            token,
            route: Some(route),
        }
    }

    pub(super) fn unaddressed(token: CancelToken) -> Self {
        Self { token, route: None }
    }

    /// Sends one request and waits until the server has acted on it: it closes the request's connection
    /// after it has sent the signal. A request that is merely written could reach the next borrower.
    pub(super) async fn fire(&self) {
        let _given_up = timeout(PATIENCE, async {
            match &self.route {
                Some(route) => {
                    if let Ok(wire) = route.open().await {
                        self.over(wire).await;
                    }
                }
                None => {
                    // How the application's pool encrypts is its own affair, and not told. Nothing secret is
                    // sent but the key for this request.
                    #[cfg(feature = "tls")]
                    if let Ok(tls) = tls::unchecked() {
                        let _unreachable = self.token.cancel_query(tls).await;
                    }
                    #[cfg(not(feature = "tls"))]
                    let _unreachable = self.token.cancel_query(NoTls).await;
                }
            }
        })
        .await;
    }

    async fn over(&self, mut wire: Wire) {
        if self.token.cancel_query_raw(&mut wire, Done).await.is_ok() {
            let mut end = [0; 1];
            let _closed = wire.read(&mut end).await;
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
