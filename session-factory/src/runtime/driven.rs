//! A connection that is driven on the runtime that uses it.
//!
//! The connection's future lies in a mutex, and one task polls it there. Another runtime takes the connection over by
//! spawning its own task; the first runtime, which may be blocked, takes no part. A runtime that ends drops its tasks:
//! the dropped task hands the connection to the background runtime. See `docs/decisions/0001-background-runtime.md`.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use tokio::runtime::{Handle, Id};
use tokio::task::AbortHandle;

use super::io_probe::has_io;
use super::moving::Poller;
use super::watch::{Watched, watch};
use crate::error::ConnectError;
use crate::sync::Mutex;

/// Resolves when the connection is closed.
type Connection = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection and its driver.
pub(crate) struct Driven {
    /// The connection's future; `None` once it has ended. Locked while it is polled.
    connection: Mutex<Option<Connection>>,
    home: Mutex<Home>,
    /// Copy of [`Home::number`], readable without the lock.
    number: AtomicU64,
    /// Set when a transaction begins: its first statement may move the connection to another runtime.
    is_new_turn: AtomicBool,
    is_closing: AtomicBool,
    has_ended: AtomicBool,
    polls: AtomicU64,
    /// The number of callers that wait for an answer.
    in_use: AtomicU32,
    is_watched: AtomicBool,
    poller: Arc<Poller>,
    /// True while an answer from the server is outstanding.
    is_owed: Box<dyn Fn() -> bool + Send + Sync>,
    background: Handle,
    this: Weak<Self>,
}

/// The task and the runtime that drive the connection.
struct Home {
    /// The number of the current driver, the only one that may poll. Each new driver adds one.
    number: u64,
    runtime: Id,
    task: Option<AbortHandle>,
    /// The runtime of the last transaction.
    last_user: Option<Id>,
}

/// Guard: the connection counts as in use until this is dropped.
pub(crate) struct Use(Arc<Driven>);

/// Guard for a connection that is not ready yet: closes it on drop, unless [`keep`](Self::keep) was called.
pub(crate) struct Unready {
    driven: Arc<Driven>,
    is_kept: bool,
}

impl Driven {
    /// Drives the connection on the background runtime, until another runtime uses it.
    ///
    /// # Errors
    /// If the background runtime could not be started.
    pub(crate) fn start(
        connection: impl Future<Output = ()> + Send + 'static,
        poller: Arc<Poller>,
        is_owed: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Result<Unready, ConnectError> {
        let background = super::handle()?.clone();
        let driven = Arc::new_cyclic(|this| Self {
            connection: Mutex::new(Some(Box::pin(connection))),
            home: Mutex::new(Home {
                number: 0,
                runtime: background.id(),
                task: None,
                last_user: None,
            }),
            number: AtomicU64::new(0),
            is_new_turn: AtomicBool::new(false),
            is_closing: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
            polls: AtomicU64::new(0),
            in_use: AtomicU32::new(0),
            is_watched: AtomicBool::new(false),
            poller,
            is_owed: Box::new(is_owed),
            background,
            this: Weak::clone(this),
        });
        driven.drive(&driven.background, 0);
        Ok(Unready {
            driven,
            is_kept: false,
        })
    }

    /// Call when a transaction begins: its first [`attend`](Self::attend) may move the connection to another runtime.
    pub(crate) fn begin_turn(&self) {
        self.is_new_turn.store(true, Ordering::Relaxed);
    }

    /// Call on the caller's runtime before anything is sent: moves the connection if another runtime should drive it.
    pub(crate) fn attend(self: &Arc<Self>) -> Use {
        self.in_use.fetch_add(1, Ordering::SeqCst);
        let used = Use(Arc::clone(self));
        let here = Handle::try_current().ok();
        if let Some((home, number)) = self.better_home(here.as_ref()) {
            self.drive(home, number);
        }
        if self.is_waiting() && !self.set_watched(true) {
            let watched: Weak<Self> = Weak::clone(&self.this);
            watch(watched);
        }
        used
    }

    /// Returns the runtime that is to drive the connection and the driver to replace; `None` if the connection stays.
    ///
    /// A runtime gets the connection when it uses it for the second transaction in a row, so a pool that many runtimes
    /// share does not move its connections with every call. Until then, the background runtime drives the connection.
    fn better_home<'a>(&'a self, here: Option<&'a Handle>) -> Option<(&'a Handle, u64)> {
        let background = self.background.id();
        let here_id = here.map(Handle::id);
        let is_new_turn = self.is_new_turn.load(Ordering::Relaxed)
            && self.is_new_turn.swap(false, Ordering::Relaxed);
        let mut home = self.home.lock();
        if here_id == Some(background) {
            // A recovery or a ping: the connection stays. If its runtime does not poll it, the watch moves it.
            return None;
        }
        let is_same_user = here_id.is_some() && home.last_user == here_id;
        if is_new_turn {
            home.last_user = here_id;
        }
        if here_id == Some(home.runtime) {
            return None;
        }
        if home.runtime != background {
            return Some((&self.background, home.number));
        }
        let number = home.number;
        drop(home);
        let here = here.filter(|_| is_new_turn && is_same_user)?;
        has_io(here).then_some((here, number))
    }

    /// Drives the connection on `runtime`, unless the driver with this `number` has been replaced meanwhile.
    fn drive(&self, runtime: &Handle, number: u64) {
        let Some(driven) = self.this.upgrade() else {
            return;
        };
        let (number, replaced) = {
            let mut home = self.home.lock();
            if home.number != number {
                return;
            }
            home.number += 1;
            home.runtime = runtime.id();
            self.number.store(home.number, Ordering::SeqCst);
            (home.number, home.task.take())
        };
        if let Some(replaced) = replaced {
            replaced.abort();
        }
        let is_last = runtime.id() == self.background.id();
        // A runtime that has ended drops the task at once, and the task's `drop` calls this function again.
        let task = runtime.spawn(Driver {
            driven,
            number,
            is_last,
        });
        let mut home = self.home.lock();
        if home.number == number {
            home.task = Some(task.abort_handle());
        } else {
            drop(home);
            task.abort();
        }
    }

    /// Drops the connection now, on this thread.
    pub(crate) fn close(&self) {
        self.is_closing.store(true, Ordering::SeqCst);
        self.drop_connection();
        let task = self.home.lock().task.take();
        if let Some(task) = task {
            task.abort();
        }
    }

    fn drop_connection(&self) {
        // If the lock is taken, a driver is polling, perhaps on this thread; after its poll it checks `is_closing`.
        let taken = self
            .connection
            .try_lock()
            .and_then(|mut connection| connection.take());
        drop(taken);
    }

    fn number(&self) -> u64 {
        self.number.load(Ordering::SeqCst)
    }
}

impl Watched for Driven {
    fn polls(&self) -> u64 {
        self.polls.load(Ordering::SeqCst)
    }

    fn is_waiting(&self) -> bool {
        let is_away = || self.home.lock().runtime != self.background.id();
        (self.in_use.load(Ordering::SeqCst) > 0 || (self.is_owed)())
            && !self.is_closing.load(Ordering::SeqCst)
            && !self.has_ended.load(Ordering::SeqCst)
            && is_away()
    }

    fn set_watched(&self, watched: bool) -> bool {
        self.is_watched.swap(watched, Ordering::SeqCst)
    }

    fn take_over(&self) {
        let number = self.number();
        self.drive(&self.background, number);
    }
}

impl Unready {
    pub(crate) fn keep(mut self) -> Arc<Driven> {
        self.is_kept = true;
        Arc::clone(&self.driven)
    }
}

impl Drop for Unready {
    fn drop(&mut self) {
        if !self.is_kept {
            self.driven.close();
        }
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        self.0.in_use.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The task that polls the connection.
struct Driver {
    driven: Arc<Driven>,
    number: u64,
    /// True on the background runtime: no other runtime is left to take the connection.
    is_last: bool,
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let driven = &*self.driven;
        // A driver that replaces another one waits here until the replaced driver's last poll is over. The new driver's
        // own poll then registers its waker with everything that the connection waits for.
        let mut slot = driven.connection.lock();
        if driven.number() != self.number {
            return Poll::Ready(());
        }
        // Taken out of the mutex, so that a connection that panics is dropped and never polled again.
        let Some(mut connection) = slot.take() else {
            driven.has_ended.store(true, Ordering::SeqCst);
            return Poll::Ready(());
        };
        driven.polls.fetch_add(1, Ordering::SeqCst);
        driven.poller.begin(self.number, self.is_last);
        let polled = connection.as_mut().poll(cx);
        if polled.is_ready() || driven.is_closing.load(Ordering::SeqCst) {
            driven.has_ended.store(true, Ordering::SeqCst);
            drop(slot);
            drop(connection);
            return Poll::Ready(());
        }
        let is_refused = driven.poller.take_refused();
        *slot = Some(connection);
        drop(slot);
        if driven.is_closing.load(Ordering::SeqCst) {
            driven.drop_connection();
            return Poll::Ready(());
        }
        if is_refused {
            // Dropping this task hands the connection to the background runtime.
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let driven = &self.driven;
        let is_over = driven.has_ended.load(Ordering::SeqCst)
            || driven.is_closing.load(Ordering::SeqCst)
            || driven.number() != self.number;
        if !is_over {
            driven.drive(&driven.background, self.number);
        }
    }
}
