//! One connection to SQLite: where it is, and whose turn it has.

use std::sync::Arc;

use diesel::QueryResult;
use diesel::connection::{Connection as _, Instrumentation};
use diesel::result::Error;
use diesel::sqlite::SqliteConnection;
use diesel_async::AsyncConnection as _;

use super::anchor::Anchor;
use super::facts::Facts;
use super::job::{Job, Leftover, Lost};
use super::lent::{self, Foreign, Lent};
use super::thread::Call;
use super::tidy;
use super::workers::{self, Worker};
use super::writers::{Turn, Writers};
use crate::driver::CommitSent;
use crate::observe::Observer;

/// It goes to the thread that works on it, and comes back.
pub(super) type Connection = Box<SqliteConnection>;

/// What the pool holds.
#[allow(missing_debug_implementations)] // the connection has none
#[doc(hidden)]
pub struct SqliteLink {
    held: Held,
    /// A dropped statement that still runs.
    leftover: Option<Leftover>,
    facts: Arc<Facts>,
    /// None on a connection of the application's pool.
    _worker: Option<Worker>,
    /// The queue for the write lock within this process, and our turn.
    writers: Option<Arc<Writers>>,
    turn: Option<Arc<Turn>>,
    condemned: bool,
    is_private: bool,
    anchor: Option<Arc<Anchor>>,
    observer: Observer,
    /// An instrumentation that waits for the connection.
    waiting: Option<Box<dyn Instrumentation>>,
}

pub(super) enum Held {
    Home(Connection),
    /// On a thread that works on it, or lost there.
    Away,
    /// In a form that the application's code knows.
    Lent(Box<Lent>),
}

impl SqliteLink {
    pub(super) fn own(
        connection: Connection,
        worker: Worker,
        writers: Option<Arc<Writers>>,
        facts: Facts,
        is_private: bool,
    ) -> Self {
        Self {
            held: Held::Home(connection),
            leftover: None,
            facts: Arc::new(facts),
            _worker: Some(worker),
            writers,
            turn: None,
            condemned: false,
            is_private,
            anchor: None,
            observer: Observer::default(),
            waiting: None,
        }
    }

    pub(super) fn foreign(connection: Foreign) -> Self {
        Self {
            held: Held::Lent(Box::new(Lent::Foreign(connection))),
            leftover: None,
            facts: Arc::new(Facts::foreign()),
            _worker: None,
            writers: None,
            turn: None,
            condemned: false,
            is_private: false,
            anchor: None,
            observer: Observer::direct(),
            waiting: None,
        }
    }

    pub(super) fn observer(&mut self) -> &mut Observer {
        &mut self.observer
    }

    /// Gives diesel's connection another instrumentation: now, or before its next work.
    pub(super) fn install(&mut self, instrumentation: impl Instrumentation) {
        self.facts.set_events(self.observer.events().cloned());
        self.waiting = None;
        if self.leftover.is_none() {
            match &mut self.held {
                Held::Home(connection) => return connection.set_instrumentation(instrumentation),
                Held::Lent(lent) => return lent.wrapper().set_instrumentation(instrumentation),
                Held::Away => {}
            }
        }
        self.waiting = Some(Box::new(instrumentation));
    }

    /// What waits for the connection.
    pub(super) fn take_waiting(&mut self) -> Option<Box<dyn Instrumentation>> {
        self.waiting.take()
    }

    pub(super) fn set_anchor(&mut self, anchor: Option<Arc<Anchor>>) {
        self.anchor = anchor;
    }

    pub(super) fn anchor(&self) -> Option<Arc<Anchor>> {
        self.anchor.clone()
    }

    pub(super) fn held(&mut self) -> &mut Held {
        &mut self.held
    }

    pub(super) fn facts(&self) -> &Arc<Facts> {
        &self.facts
    }

    pub(super) fn stop(&self) -> Arc<Facts> {
        Arc::clone(&self.facts)
    }

    pub(super) fn job<W, R>(&mut self, work: W) -> Job<'_, W, R>
    where
        W: FnOnce(&mut SqliteConnection) -> R + Send + 'static,
        R: Send + 'static,
    {
        Job::new(self, work, None)
    }

    /// The same, and `sent` is told when it can no longer be withdrawn.
    pub(super) fn job_that_commits<W, R>(&mut self, work: W, sent: CommitSent) -> Job<'_, W, R>
    where
        W: FnOnce(&mut SqliteConnection) -> R + Send + 'static,
        R: Send + 'static,
    {
        Job::new(self, work, Some(sent))
    }

    pub(super) fn has_leftover(&self) -> bool {
        self.leftover.is_some()
    }

    pub(super) fn take_leftover(&mut self) -> Option<Leftover> {
        self.leftover.take()
    }

    pub(super) fn keep_leftover(&mut self, leftover: Leftover) {
        self.leftover = Some(leftover);
    }

    pub(super) fn came_back(&mut self, connection: Option<Connection>) {
        let connection = connection.or_else(|| match &self.held {
            Held::Lent(lent) => lent.take_back(),
            _ => None,
        });
        if let Some(connection) = connection {
            self.held = Held::Home(connection);
        }
    }

    /// The turn to write, for the next job: one that it waits for, unless this session has it.
    pub(super) fn take_turn(&mut self) {
        let has_one = self.turn.as_ref().is_some_and(|turn| turn.is_taken());
        if !has_one && matches!(self.held, Held::Home(_) | Held::Away) {
            self.turn = self.writers.as_ref().map(Turn::new);
        }
    }

    pub(super) fn turn(&self) -> Option<&Arc<Turn>> {
        self.turn.as_ref()
    }

    /// Gives up a turn that has not come. True when a job waited for it: its connection is on its way back.
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

    /// Nothing is written any more: it is the next session's turn.
    pub(super) fn end_turn(&mut self) {
        if let Some(turn) = self.turn.take() {
            turn.over();
        }
    }

    pub(super) fn has_turn(&self) -> bool {
        self.turn.as_ref().is_some_and(|turn| turn.is_taken())
    }

    pub(super) fn is_condemned(&self) -> bool {
        self.condemned || matches!(self.held, Held::Away) && self.leftover.is_none()
    }

    pub(super) fn condemn(&mut self) {
        self.condemned = true;
    }

    /// Takes the connection that is here.
    pub(super) fn send_away(&mut self) -> Option<Connection> {
        match std::mem::replace(&mut self.held, Held::Away) {
            Held::Home(connection) => Some(connection),
            other => {
                self.held = other;
                None
            }
        }
    }

    /// Waits for what a dropped statement left.
    pub(super) async fn settle(&mut self) -> Result<(), Lost> {
        match self.leftover {
            Some(_) => self.job(|_| ()).await,
            None => Ok(()),
        }
    }

    /// Gives the connection the form that the application's code knows.
    pub(super) fn lend(&mut self) -> QueryResult<()> {
        let lent = match std::mem::replace(&mut self.held, Held::Away) {
            Held::Home(connection) => Lent::raw(connection),
            other => {
                self.held = other;
                return Ok(());
            }
        };
        match lent {
            Ok(lent) => {
                self.held = Held::Lent(Box::new(lent));
                Ok(())
            }
            Err((connection, error)) => {
                self.held = Held::Home(connection);
                Err(Error::QueryBuilderError(Box::new(error)))
            }
        }
    }

    /// Takes the connection back from the form in which the application's code had it.
    pub(super) async fn reclaim(&mut self) -> QueryResult<()> {
        self.settle().await.map_err(Lost::into_error)?;
        let back = match &self.held {
            Held::Lent(lent) => lent.back(),
            _ => None,
        };
        if let Some(back) = back {
            self.job(move |connection| back.fill(connection))
                .await
                .map_err(Lost::into_error)?
                .map_err(|error| Error::QueryBuilderError(Box::new(error)))?;
            self.came_back(None);
        }
        Ok(())
    }

    /// What was touched costs the connection, except for a database that lives in it: there everything that can be
    /// put back is.
    pub(super) async fn reset(&mut self) -> bool {
        self.facts.put_back();
        if self.facts.is_foreign() {
            // The application's pool closes what diesel takes for broken.
            let _closed_anyway = self.job(lent::break_off).await;
            return false;
        }
        if !self.is_private || self.reclaim().await.is_err() {
            return false;
        }
        matches!(self.job(tidy::all).await, Ok(Ok(())))
    }
}

impl Drop for SqliteLink {
    fn drop(&mut self) {
        let leftover = self.leftover.take();
        let turn = self.turn.take();
        // Closing may write (a checkpoint), and a statement may still run: neither is for this thread.
        match std::mem::replace(&mut self.held, Held::Away) {
            Held::Home(connection) => {
                workers::start(Box::new(move |_| {
                    drop(connection);
                    drop(turn);
                }));
            }
            // Whoever works on it closes it: nobody takes it back.
            Held::Away => {}
            mut held @ Held::Lent(_) => {
                let condemned = self.condemned;
                let _thread = super::thread::spawn(move || {
                    if let (true, Held::Lent(lent)) = (condemned, &mut held) {
                        lent.break_off(leftover);
                    }
                    drop(held);
                    drop(turn);
                });
            }
        }
    }
}
