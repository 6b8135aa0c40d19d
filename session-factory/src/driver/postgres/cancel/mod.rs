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

/// A cancel request that takes longer is given up; recovery sends another.
const PATIENCE: Duration = Duration::from_secs(2);
/// Nor is its connection kept open for longer.
const LEFT_OPEN: Duration = Duration::from_secs(30);
/// Between two requests: the first may have arrived before the statement did.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(1),
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
];

/// By then the server has begun with a statement that reached it.
const BEGUN: Duration = Duration::from_millis(50);

/// What became of a request.
enum Sent {
    /// The server was not reached.
    Never,
    /// The server has done what it says.
    Acted,
    /// It may arrive at any time.
    Written,
    /// The same, or not at all.
    Broken,
}

/// Sends cancel requests for one connection.
#[derive(Clone)]
pub(super) struct Canceller {
    token: Arc<CancelToken>,
    /// None: tokio-postgres made the connection and knows the address itself.
    /// Shared: a session carries this around, and every call its session.
    route: Option<Arc<Route>>,
    /// Those that may go together with this one.
    group: Option<(Arc<Group>, Arc<BackendId>)>,
    /// Held by a request that is under way, which may outlive whoever sent it.
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

    /// Others that wait for the same server may be cancelled together with this one.
    pub(super) fn set_group(&mut self, group: Arc<Group>, backend: BackendId) {
        self.group = Some((group, Arc::new(backend)));
    }

    /// For a statement whose connection will not cancel for others.
    pub(super) fn by_itself_only(self) -> Self {
        Self {
            group: None,
            ..self
        }
    }

    /// Cancels what others wait for, on a connection that has nothing else to do. False: that is still under way.
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

    /// A request was sent of which nobody knows that the server has acted on it. It hits whatever runs on the
    /// connection when it arrives, however much later: the connection is not for another borrower.
    pub(super) fn may_hit_later(&self) -> bool {
        self.may_arrive.load(Ordering::SeqCst)
    }

    /// Sends one request and waits until the server has acted on it: it closes the request's connection
    /// after it has sent the signal. A request that is merely written could reach the next borrower.
    ///
    /// False when the server could not be reached, or was not done in time.
    ///
    /// Dropped, it leaves the request to a task: `PgBouncer` 1.18 does not survive that a request's connection ends
    /// before its time (see [`CancelStream`]). [`rest`](Self::rest) waits for that.
    pub(super) async fn fire(&self) -> bool {
        self.send(None).await
    }

    async fn send(&self, group: Option<(Arc<Group>, Arc<BackendId>)>) -> bool {
        let under_way = Arc::clone(&self.under_way);
        let Ok(under_way) = timeout(PATIENCE, under_way.lock_owned()).await else {
            return false;
        };
        // From here on, as nobody knows how long it takes to get through. An earlier one that is lost stays so.
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
            // There would be no connection either.
            Err(_no_runtime) => false,
        }
    }

    /// Waits until no request is under way. True when one was: it may be about to hit what runs.
    pub(super) async fn rest(&self) -> bool {
        if self.under_way.try_lock().is_ok() {
            return false;
        }
        let _given_up = timeout(PATIENCE, self.under_way.lock()).await;
        true
    }

    /// With the others of a group, or alone.
    async fn go(&self, group: Option<(Arc<Group>, Arc<BackendId>)>) -> Sent {
        let way = group.map(|(group, backend)| group.join(&backend));
        let _counts = match way {
            Some(Way::Along(along)) => match along.taken().await {
                Taken::Told => return Sent::Acted,
                Taken::Unknown(answer) => {
                    let limit = crate::time::from_now(PATIENCE);
                    self.request().await;
                    // Under way until then, for a COMMIT that must not be hit.
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
            // Encryption that was not taken leave of, and a side that has gone.
            Err(error) => match error.kind() {
                ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset => Sent::Acted,
                _ => Sent::Written,
            },
        }
    }

    /// For a connection of the application's pool, as its token says: tokio-postgres does not wait for the server.
    /// How the pool checks certificates is not told; nothing secret is sent but the key for this request.
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

    /// Sends requests until `done` resolves, each after a longer pause, as long as something runs. What runs
    /// since a time that is told needs no first pause when that is long enough ago. True when one was sent.
    pub(super) async fn until<T>(
        &self,
        done: impl Future<Output = T>,
        runs_since: Option<Instant>,
        something_runs: impl Fn() -> bool,
    ) -> (T, bool) {
        tokio::pin!(done);
        let mut sent = false;
        // The first only: one that was taken along and did nothing is not taken along again.
        let mut group = self.group.clone();
        let mut at_once = runs_since.is_some_and(|since| since.elapsed() >= PAUSES[0]);
        let mut pauses = PAUSES.iter().chain(std::iter::repeat(&PAUSES[5]));
        loop {
            let pause = pauses.next().copied().unwrap_or(PATIENCE);
            let pause = async {
                // A timer would take a millisecond at least.
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
            // Not raced against `done`: a request under way must be over before anybody goes on.
            self.send(group.take()).await;
        }
    }

    /// Ends what a lost connection left running. The server does not look at its socket while it works, and
    /// there is nobody left whom it could tell when it has stopped. It has begun a while after the statement
    /// was sent, and one more request reaches it then.
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
