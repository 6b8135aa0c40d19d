//! The test's handle on a proxy.

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

/// A proxy on a port of its own on 127.0.0.1. From the start it passes everything on.
///
/// It runs on a thread of its own, so it goes on while a test's runtime is blocked or gone.
/// Dropping it cuts all its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What the handle and the proxy's thread share.
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
    /// A proxy before a PostgreSQL server.
    pub fn start(upstream: SocketAddr) -> Self {
        Self::with_protocol(upstream, Protocol::Postgres)
    }

    /// A proxy before a server of any kind.
    pub fn with_protocol(upstream: SocketAddr, protocol: Protocol) -> Self {
        let listener = loop {
            // Somebody else may take the port between finding and binding it.
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

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    // -- what passed --

    /// What passed since the start, or since [`reset_counts`](Self::reset_counts).
    pub fn counts(&self) -> Counts {
        self.shared.ledger().counts.clone()
    }

    /// PostgreSQL: every statement that passed, in order, prepared and run.
    pub fn statements(&self) -> Vec<Statement> {
        self.shared.ledger().statements.clone()
    }

    /// PostgreSQL: the SQL of the statements that were run, in order.
    pub fn sql(&self) -> Vec<String> {
        let run = |statement: Statement| statement.kind.is_run().then_some(statement.sql);
        self.statements().into_iter().filter_map(run).collect()
    }

    /// Counts from zero again. What is open stays open, and counts as open.
    pub fn reset_counts(&self) {
        self.shared.ledger().reset();
    }

    // -- a slow network --

    /// Delays each chunk in this direction. Zero: not at all.
    pub fn delay(&self, direction: Direction, time: Duration) {
        self.set(|settings| settings.delay[direction.index()] = time);
    }

    /// Passes on at most `bytes` bytes at a time in this direction, with a pause after each piece.
    pub fn throttle(&self, direction: Direction, bytes: usize, pause: Duration) {
        self.set(|settings| settings.throttle[direction.index()] = Some((bytes, pause)));
    }

    /// Passes on nothing in this direction until [`release`](Self::release). Nothing is lost.
    pub fn hold(&self, direction: Direction) {
        self.set(|settings| settings.held[direction.index()] = true);
    }

    /// Passes on what was held.
    pub fn release(&self, direction: Direction) {
        self.set(|settings| settings.held[direction.index()] = false);
    }

    // -- a broken network --

    /// Arms a fault, in place of any other.
    pub fn arm(&self, cut: Cut) {
        self.shared.ledger().arm(Some(cut));
    }

    /// Takes back a fault that has not struck.
    pub fn disarm(&self) {
        self.shared.ledger().arm(None);
    }

    /// Whether a fault is armed that has not struck yet, or strikes every connection.
    pub fn is_armed(&self) -> bool {
        self.shared.ledger().is_armed()
    }

    /// Ends all connections that are open now, and waits until they have.
    pub async fn sever(&self, action: Action) {
        let below = self.shared.ledger().next_number();
        self.set(|settings| settings.severed = Some((below, action)));
        while action != Action::Stall && self.shared.ledger().is_open_below(below) {
            background::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Accepts connections and swallows what comes, on old and new ones, until
    /// [`resume`](Self::resume): a network that has gone silent.
    ///
    /// A connection that lost bytes stays silent after that.
    pub fn stall(&self) {
        self.set(|settings| settings.stalled = true);
    }

    /// Closes the port: new connections are refused. Open ones stay.
    pub async fn refuse(&self) {
        self.set(|settings| settings.refusing = true);
        self.listening(false).await;
    }

    /// Ends [`stall`](Self::stall), [`refuse`](Self::refuse), holding, delays and throttling, and
    /// takes back an armed fault.
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
