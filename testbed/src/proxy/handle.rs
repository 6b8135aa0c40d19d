//! The test's handle of a proxy.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::watch;

use crate::{background, ports};

use super::counts::{Counts, Statement};
use super::fault::{Action, Cut};
use super::ledger::Ledger;
use super::settings::Settings;
use super::{Direction, Protocol, listener};

/// A proxy on its own port of 127.0.0.1. It forwards everything until a test changes that.
///
/// It runs on its own thread, so it continues while a test's runtime is blocked or gone. Dropping
/// it cuts all its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// State shared by the handle and the proxy's thread.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) upstream: SocketAddr,
    pub(crate) protocol: Protocol,
    pub(crate) settings: watch::Sender<Settings>,
    pub(crate) listening: watch::Sender<bool>,
    ledger: Mutex<Ledger>,
}

impl Shared {
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Proxy {
    /// Starts a proxy in front of a PostgreSQL server.
    pub fn start(upstream: SocketAddr) -> Self {
        Self::with_protocol(upstream, Protocol::Postgres)
    }

    /// Starts a proxy in front of any server.
    pub fn with_protocol(upstream: SocketAddr, protocol: Protocol) -> Self {
        let listener = loop {
            // Another process may take the port between finding and binding it.
            if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, ports::free())) {
                break listener;
            }
        };
        listener
            .set_nonblocking(true)
            .expect("a listener need not block");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared {
            upstream,
            protocol,
            settings: watch::Sender::new(Settings::default()),
            listening: watch::Sender::new(true),
            ledger: Mutex::default(),
        });
        let thread = thread::Builder::new()
            .name("testbed-proxy".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build();
                    let runtime = runtime.expect("the proxy's runtime starts");
                    runtime.block_on(listener::listen(listener, shared));
                }
            });
        let thread = Some(thread.expect("the proxy's thread starts"));
        Self {
            address,
            shared,
            thread,
        }
    }

    /// The address for clients.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    // -- what passed --

    /// What was forwarded since the start, or since [`reset_counts`](Self::reset_counts).
    pub fn counts(&self) -> Counts {
        self.shared.ledger().counts.clone()
    }

    /// PostgreSQL: every statement that a client sent, in order, prepared or run.
    pub fn statements(&self) -> Vec<Statement> {
        self.shared.ledger().statements.clone()
    }

    /// PostgreSQL: the SQL of every statement that was run, in order.
    pub fn sql(&self) -> Vec<String> {
        let run = |statement: Statement| statement.kind.is_run().then_some(statement.sql);
        self.statements().into_iter().filter_map(run).collect()
    }

    /// Restarts the counts at zero. Open connections stay, and count as open.
    pub fn reset_counts(&self) {
        self.shared.ledger().reset();
    }

    // -- a slow network --

    /// Delays each chunk in this direction. Zero removes the delay.
    pub fn delay(&self, direction: Direction, time: Duration) {
        self.set(|settings| settings.delay[direction.index()] = time);
    }

    /// Forwards at most `bytes` bytes at a time in this direction, with a pause after each piece.
    pub fn throttle(&self, direction: Direction, bytes: usize, pause: Duration) {
        self.set(|settings| settings.throttle[direction.index()] = Some((bytes, pause)));
    }

    /// Forwards nothing in this direction until [`release`](Self::release), which forwards all of
    /// it.
    pub fn hold(&self, direction: Direction) {
        self.set(|settings| settings.held[direction.index()] = true);
    }

    /// Forwards what was held.
    pub fn release(&self, direction: Direction) {
        self.set(|settings| settings.held[direction.index()] = false);
    }

    // -- a broken network --

    /// Arms a fault, which replaces any other.
    pub fn arm(&self, cut: Cut) {
        self.shared.ledger().arm(Some(cut));
    }

    /// Disarms a fault that has not struck.
    pub fn disarm(&self) {
        self.shared.ledger().arm(None);
    }

    /// True if an armed fault has not struck yet, or strikes every connection.
    pub fn is_armed(&self) -> bool {
        self.shared.ledger().is_armed()
    }

    /// Ends all open connections, and waits until they have ended.
    pub async fn sever(&self, action: Action) {
        let below = self.shared.ledger().next_number();
        self.set(|settings| settings.severed = Some((below, action)));
        while action != Action::Stall && self.shared.ledger().is_open_below(below) {
            background::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Simulates a silent network until [`resume`](Self::resume): accepts connections, and swallows
    /// the bytes of old and new ones.
    ///
    /// A connection that lost bytes stays silent afterwards.
    pub fn stall(&self) {
        self.set(|settings| settings.stalled = true);
    }

    /// Closes the port, so that new connections are refused. Open connections stay.
    pub async fn refuse(&self) {
        self.set(|settings| settings.refusing = true);
        self.listening(false).await;
    }

    /// Ends [`stall`](Self::stall), [`refuse`](Self::refuse), holding, delays and throttling, and
    /// disarms a fault.
    pub async fn resume(&self) {
        self.disarm();
        self.set(|settings| {
            *settings = Settings {
                severed: settings.severed,
                ..Settings::default()
            };
        });
        self.listening(true).await;
    }

    async fn listening(&self, wanted: bool) {
        let mut listening = self.shared.listening.subscribe();
        let _ = listening.wait_for(|listening| *listening == wanted).await;
    }

    fn set(&self, change: impl FnOnce(&mut Settings)) {
        self.shared.settings.send_modify(change);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(|settings| settings.stopped = true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
