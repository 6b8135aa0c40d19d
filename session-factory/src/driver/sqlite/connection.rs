//! One connection to SQLite: where it is, and its turn to write.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use diesel::QueryResult;
use diesel::connection::{Connection as _, Instrumentation};
use diesel::result::Error;
use diesel_async::AsyncConnection as _;

use super::anchor::Anchor;
use super::diesel_wrapper::{DieselWrapper, External};
use super::leftover::{Connection, Leftover};
use super::slot::Slot;
use super::state::ConnectionState;
use super::threads::Call;
use super::threads::readers::{self, Worker};
use super::threads::writer::{Turn, Writers};
use crate::observe::Instrumented;

/// The connection as the pool holds it.
#[allow(missing_debug_implementations)] // the connection has none
#[doc(hidden)]
pub struct LiteConnection {
    pub(super) slot: Slot,
    /// Work that still runs on the connection, with or without a future that waits for it.
    leftover: Option<Leftover>,
    pub(super) state: Arc<ConnectionState>,
    /// `None` on a connection of the external pool.
    _worker: Option<Worker>,
    /// The queue for the write lock within this process.
    writers: Option<Arc<Writers>>,
    turn: Option<Arc<Turn>>,
    pub(super) condemned: bool,
    pub(super) is_private: bool,
    pub(super) anchor: Option<Arc<Anchor>>,
    pub(super) observer: Instrumented,
    /// An instrumentation to install when the connection is back.
    waiting: Option<Box<dyn Instrumentation>>,
}

impl LiteConnection {
    pub(super) fn own(
        connection: Connection,
        worker: Worker,
        writers: Option<Arc<Writers>>,
        state: ConnectionState,
        is_private: bool,
    ) -> Self {
        Self {
            slot: Slot::Home(connection),
            leftover: None,
            state: Arc::new(state),
            _worker: Some(worker),
            writers,
            turn: None,
            condemned: false,
            is_private,
            anchor: None,
            observer: Instrumented::default(),
            waiting: None,
        }
    }

    pub(super) fn external(connection: External) -> Self {
        Self {
            slot: Slot::Wrapped(Box::new(DieselWrapper::External(connection))),
            leftover: None,
            state: Arc::new(ConnectionState::external()),
            _worker: None,
            writers: None,
            turn: None,
            condemned: false,
            is_private: false,
            anchor: None,
            observer: Instrumented::direct(),
            waiting: None,
        }
    }

    /// Replaces the instrumentation of diesel's connection: now, or before the connection's next
    /// work.
    pub(super) fn set_diesel_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        self.state.set_events(self.observer.events().cloned());
        self.waiting = None;
        if self.leftover.is_none() {
            match &mut self.slot {
                Slot::Home(connection) => return connection.set_instrumentation(instrumentation),
                Slot::Wrapped(lent) => return lent.wrapper().set_instrumentation(instrumentation),
                Slot::Away => {}
            }
        }
        self.waiting = Some(Box::new(instrumentation));
    }

    /// Takes the instrumentation that waits to be installed.
    pub(super) fn take_waiting(&mut self) -> Option<Box<dyn Instrumentation>> {
        self.waiting.take()
    }

    pub(super) fn set_anchor(&mut self, anchor: Option<Arc<Anchor>>) {
        self.anchor = anchor;
    }

    pub(super) fn slot(&mut self) -> &mut Slot {
        &mut self.slot
    }

    pub(super) fn state(&self) -> &Arc<ConnectionState> {
        &self.state
    }

    pub(super) fn stop(&self) -> Arc<ConnectionState> {
        Arc::clone(&self.state)
    }

    pub(super) fn has_leftover(&self) -> bool {
        self.leftover.is_some()
    }

    pub(super) fn keep_leftover(&mut self, leftover: Leftover) {
        self.leftover = Some(leftover);
    }

    /// Ready when the leftover work has ended, and the connection is back or lost.
    pub(super) fn poll_leftover(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(leftover) = &mut self.leftover {
            let back = ready!(leftover.poll(cx));
            self.leftover = None;
            self.came_back(back);
        }
        Poll::Ready(())
    }

    /// Stops leftover work. Work that still waits for its turn to write gives the turn up; other
    /// work ends as soon as it can.
    pub(super) fn stop_leftover(&mut self) {
        if !self.withdraw() {
            self.state.stop_running();
        } else if let Some(Leftover::Away(back)) = &mut self.leftover
            && let Ok(connection) = back.try_recv()
        {
            self.leftover = None;
            self.came_back(Some(connection));
        }
    }

    pub(super) fn came_back(&mut self, connection: Option<Connection>) {
        let connection = connection.or_else(|| match &self.slot {
            Slot::Wrapped(lent) => lent.take_back(),
            _ => None,
        });
        if let Some(connection) = connection {
            self.slot = Slot::Home(connection);
        }
    }

    /// Gives the session a new turn to write, for which its next task waits, unless the session already
    /// has the turn.
    pub(super) fn take_turn(&mut self) {
        let has_one = self.turn.as_ref().is_some_and(|turn| turn.is_taken());
        if !has_one && matches!(self.slot, Slot::Home(_) | Slot::Away) {
            self.turn = self.writers.as_ref().map(Turn::new);
        }
    }

    pub(super) fn turn(&self) -> Option<&Arc<Turn>> {
        self.turn.as_ref()
    }

    /// Gives up a turn that has not come. Returns true if a task waited for it; that task now
    /// returns the connection.
    pub(super) fn withdraw(&mut self) -> bool {
        let Some(turn) = &self.turn else { return false };
        if turn.is_new() {
            self.turn = None;
            return false;
        }
        let Some(task) = turn.withdraw() else {
            return false;
        };
        self.turn = None;
        task(Call::GiveBack);
        true
    }

    /// Ends this session's turn to write; the next session gets its turn.
    pub(super) fn end_turn(&mut self) {
        if let Some(turn) = self.turn.take() {
            turn.over();
        }
    }

    pub(super) fn has_turn(&self) -> bool {
        self.turn.as_ref().is_some_and(|turn| turn.is_taken())
    }

    /// Takes the connection out of its slot, if it is there.
    pub(super) fn send_away(&mut self) -> Option<Connection> {
        match std::mem::replace(&mut self.slot, Slot::Away) {
            Slot::Home(connection) => Some(connection),
            other => {
                self.slot = other;
                None
            }
        }
    }

    /// Wraps the connection in diesel-async's type, for the application's code.
    pub(super) fn lend(&mut self) -> QueryResult<()> {
        let lent = match std::mem::replace(&mut self.slot, Slot::Away) {
            Slot::Home(connection) => DieselWrapper::raw(connection),
            other => {
                self.slot = other;
                return Ok(());
            }
        };
        match lent {
            Ok(lent) => {
                self.slot = Slot::Wrapped(Box::new(lent));
                Ok(())
            }
            Err((connection, error)) => {
                self.slot = Slot::Home(connection);
                Err(Error::QueryBuilderError(Box::new(error)))
            }
        }
    }
}

impl Drop for LiteConnection {
    fn drop(&mut self) {
        let leftover = self.leftover.take();
        let turn = self.turn.take();
        // Closing may write (a checkpoint), and a statement may still run. Both would block this thread, so
        // another thread closes the connection.
        match std::mem::replace(&mut self.slot, Slot::Away) {
            Slot::Home(connection) => {
                readers::start(Box::new(move |_| {
                    drop(connection);
                    drop(turn);
                }));
            }
            // The thread that works on the connection closes it, because no one takes it back.
            Slot::Away => {}
            mut held @ Slot::Wrapped(_) => {
                let condemned = self.condemned;
                let _thread = super::threads::spawn(move || {
                    if let (true, Slot::Wrapped(lent)) = (condemned, &mut held) {
                        lent.break_off(leftover);
                    }
                    drop(held);
                    drop(turn);
                });
            }
        }
    }
}
