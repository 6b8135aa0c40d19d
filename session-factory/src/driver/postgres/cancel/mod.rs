//! Cancelling a running statement on the server.

pub(super) mod backend_id;
mod cancel_stream;
pub(super) mod group;

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use tokio::io::AsyncReadExt;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};
use tokio_postgres::CancelToken;
#[cfg(not(feature = "tls"))]
use tokio_postgres::NoTls;

use self::backend_id::BackendId;
use self::cancel_stream::CancelStream;
use self::group::{Group, Taken, Way};
use super::connect::stream::{Done, Route};
use super::statement_error::is_lost;
#[cfg(feature = "tls")]
use super::tls;

/// How long a caller waits for one cancel request. After that, recovery sends a further one.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest time that a cancel request's connection stays open.
const LEFT_OPEN: Duration = Duration::from_secs(30);
/// Pauses before each request. Requests repeat because the first may have reached the server before the statement.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(1),
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
];

/// The server begins a statement within this time after the client has sent it.
const BEGUN: Duration = Duration::from_millis(50);

/// The outcome of a cancel request.
enum Sent {
    /// The server could not be reached.
    Never,
    /// The server has acted on the request.
    Acted,
    /// The request was written in full; the server may act on it at any later time.
    Written,
    /// The request was perhaps written in part; the server may act on it later, or never.
    Broken,
}

/// Sends cancel requests for one connection.
#[derive(Clone)]
pub(super) struct Canceller {
    token: Arc<CancelToken>,
    /// `None`: tokio-postgres opened the connection, and the token has the address.
    /// In an `Arc`, to keep the session and each call's future small.
    route: Option<Arc<Route>>,
    /// The group that may cancel this connection's statement, and the backend id that the group needs for it.
    group: Option<(Arc<Group>, Arc<BackendId>)>,
    /// Held by the task that sends a request, which may outlive the request's caller.
    under_way: Arc<Mutex<()>>,
    may_arrive: Arc<AtomicBool>,
}

impl Canceller {
    pub(super) fn new(token: CancelToken, route: Route) -> Self {
        Self {
            route: Some(Arc::new(route)),
            ..Self::unaddressed(token)
        }
    }

    pub(super) fn unaddressed(token: CancelToken) -> Self {
        Self {
            token: Arc::new(token),
            route: None,
            group: None,
            under_way: Arc::default(),
            may_arrive: Arc::default(),
        }
    }

    /// Allows group cancel for this connection.
    pub(super) fn set_group(&mut self, group: Arc<Group>, backend: BackendId) {
        self.group = Some((group, Arc::new(backend)));
    }

    /// Opts out of group cancel: each request uses its own connection, and this connection sends no group query.
    pub(super) fn by_itself_only(self) -> Self {
        Self {
            group: None,
            ..self
        }
    }

    /// Sends the waiting members' group cancel on this idle connection. Returns false if the server did not answer in
    /// time: the query is then still under way on the connection.
    pub(super) async fn take_along(&self, mut connection: &AsyncPgConnection) -> bool {
        let Some((group, _backend)) = &self.group else {
            return true;
        };
        let send = async |text: String| {
            let answer = connection.batch_execute(&text).await;
            (!is_lost(&answer)).then_some(answer.is_ok())
        };
        group.take_along(send).await
    }

    /// True if the server may still act on a request. A late request hits whatever statement then runs on the
    /// connection, so the pool must not lend the connection again.
    pub(super) fn may_hit_later(&self) -> bool {
        self.may_arrive.load(Ordering::SeqCst)
    }

    /// Sends one request and waits until the server has acted on it, that is, until the server closes the request's
    /// connection after the signal. Without the wait the request could hit the next borrower's statement.
    ///
    /// Returns false if the server could not be reached, or did not act within [`PATIENCE`].
    ///
    /// If this future is dropped, a task finishes the request, because `PgBouncer` 1.18 crashes when a request's
    /// connection closes early (see [`CancelStream`]). [`rest`](Self::rest) waits for that task.
    pub(super) async fn fire(&self) -> bool {
        self.send(None).await
    }

    async fn send(&self, group: Option<(Arc<Group>, Arc<BackendId>)>) -> bool {
        let under_way = Arc::clone(&self.under_way);
        let Ok(under_way) = timeout(PATIENCE, under_way.lock_owned()).await else {
            return false;
        };
        // From here on, the server may act at any time. If an earlier request was lost, the flag stays set.
        let lost_before = self.may_arrive.swap(true, Ordering::SeqCst);
        let canceller = self.clone();
        let request = crate::runtime::spawn(async move {
            let sent = timeout(LEFT_OPEN, canceller.go(group)).await;
            if !lost_before && matches!(sent, Ok(Sent::Never | Sent::Acted)) {
                canceller.may_arrive.store(false, Ordering::SeqCst);
            }
            drop(under_way);
            matches!(sent, Ok(Sent::Acted | Sent::Written))
        });
        match request {
            Ok(request) => matches!(timeout(PATIENCE, request).await, Ok(Ok(true))),
            // Without a runtime no connection could be opened either.
            Err(_no_runtime) => false,
        }
    }

    /// Waits up to [`PATIENCE`] until no request is under way. Returns true if one was: that request may be about to
    /// hit the statement that runs now.
    pub(super) async fn rest(&self) -> bool {
        if self.under_way.try_lock().is_ok() {
            return false;
        }
        let _given_up = timeout(PATIENCE, self.under_way.lock()).await;
        true
    }

    /// Sends the request through the group, or on its own connection.
    async fn go(&self, group: Option<(Arc<Group>, Arc<BackendId>)>) -> Sent {
        let way = group.map(|(group, backend)| group.join(&backend));
        let _counts = match way {
            Some(Way::Along(along)) => match along.taken().await {
                Taken::Cancelled => return Sent::Acted,
                Taken::Unknown(answer) => {
                    let limit = crate::time::from_now(PATIENCE);
                    self.request().await;
                    // The request counts as under way until then: `rest` waits for it, so that it does not hit COMMIT.
                    let left = limit.saturating_duration_since(Instant::now());
                    return if answer.comes_within(left).await {
                        Sent::Acted
                    } else {
                        Sent::Broken
                    };
                }
                Taken::Not => None,
            },
            Some(Way::Alone(alone)) => Some(alone),
            None => None,
        };
        self.request().await
    }

    async fn request(&self) -> Sent {
        let Some(route) = &self.route else {
            return self.by_itself().await;
        };
        let Ok(mut stream) = route.open().await else {
            return Sent::Never;
        };
        let open = CancelStream(&mut stream);
        if self.token.cancel_query_raw(open, Done).await.is_err() {
            return Sent::Broken;
        }
        let mut end = [0; 1];
        match stream.read(&mut end).await {
            Ok(_) => Sent::Acted,
            // Peer closed without close_notify, or reset.
            Err(error) => match error.kind() {
                ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset => Sent::Acted,
                _ => Sent::Written,
            },
        }
    }

    /// Sends a request for an external pool's connection, to the address in the connection's token. tokio-postgres does
    /// not wait for the server to act. Certificates are not checked, because the pool's TLS settings are unknown; the
    /// only secret sent is the cancel key.
    async fn by_itself(&self) -> Sent {
        #[cfg(feature = "tls")]
        let sent = match tls::unchecked() {
            Ok(tls) => self.token.cancel_query(tls).await,
            Err(_no_tls) => return Sent::Never,
        };
        #[cfg(not(feature = "tls"))]
        let sent = self.token.cancel_query(NoTls).await;
        if sent.is_ok() {
            Sent::Written
        } else {
            Sent::Broken
        }
    }

    /// Sends requests with growing pauses until `done` resolves, but only while `something_runs`. If `runs_since` is at
    /// least the first pause ago, the first request is sent at once. The second result is true if a request was sent.
    pub(super) async fn until<T>(
        &self,
        done: impl Future<Output = T>,
        runs_since: Option<Instant>,
        something_runs: impl Fn() -> bool,
    ) -> (T, bool) {
        tokio::pin!(done);
        let mut sent = false;
        // Only the first request uses the group. If it had no effect, the next request uses its own
        // connection.
        let mut group = self.group.clone();
        let mut at_once = runs_since.is_some_and(|since| since.elapsed() >= PAUSES[0]);
        let mut pauses = PAUSES.iter().chain(std::iter::repeat(&PAUSES[5]));
        loop {
            let pause = pauses.next().copied().unwrap_or(PATIENCE);
            let pause = async {
                // Skip the pause entirely: even a zero sleep takes a timer's tick of a millisecond.
                if !at_once {
                    sleep(pause).await;
                }
            };
            tokio::select! {
                biased;
                output = &mut done => return (output, sent),
                () = pause => {}
            }
            if !std::mem::take(&mut at_once) && !something_runs() {
                continue;
            }
            sent = true;
            // Await the request in full instead of racing it against `done`: a late request could hit the caller's next
            // statement.
            self.send(group.take()).await;
        }
    }

    /// Cancels the statement that a lost connection left running: the server does not read its socket while it works,
    /// so it does not notice the loss. The statement's end cannot be observed. So this sends requests until [`BEGUN`]
    /// after `sent`, when the server has begun the statement and the last request reaches it.
    pub(super) async fn abandon(&self, sent: Option<Instant>) {
        let begun = crate::time::after(sent.unwrap_or_else(Instant::now), BEGUN);
        for pause in PAUSES {
            sleep(pause).await;
            let is_last = Instant::now() >= begun;
            if !self.fire().await || is_last {
                return;
            }
        }
    }
}
