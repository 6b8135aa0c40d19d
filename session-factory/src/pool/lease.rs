//! A borrowed connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bb8::PooledConnection;

use super::connector::Connector;
use super::permits::Permit;
use super::pooled::Pooled;
use super::registry::Ticket;
use super::replica::commit_marks::CommitMarks;
use crate::driver::{Driver, DriverConnection, Owner};
use crate::observe::SessionMonitor;
use crate::panics::{Contained, contained};

/// A borrowed connection, with its permit and its ticket in the registry.
///
/// Dropping a lease closes its connection. Only [`give_back`](Self::give_back), called
/// once the connection is proven clean, returns it to the pool. So a panic or a dropped
/// future before that call closes the connection.
pub(crate) struct Lease<D: Driver> {
    held: Option<Held<D>>,
    state: State,
    ticket: Option<Ticket>,
    /// The permit of the factory's own pool; `None` with an external pool.
    permit: Option<Permit>,
    /// `instrumented`: the borrower set an instrumentation; `recached`: the borrower set the
    /// statement cache's size.
    instrumented: bool,
    recached: bool,
    /// Set for a connection to a primary with a replica. Boxed, because each caller's future contains the lease, and most
    /// factories have no replica.
    following: Option<Box<Following>>,
}

struct Following {
    marks: Arc<CommitMarks>,
    /// When COMMIT was sent.
    sent: Option<Instant>,
}

/// What dropping the lease does with the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Closes it.
    Unproven,
    /// Proven clean. The pool closes it if it is too old.
    Clean,
    /// Proven clean, and stays in the pool: bb8 neither closes it nor opens a replacement.
    Stays,
}

enum Held<D: Driver> {
    Pooled(PooledConnection<'static, Connector<D>>),
    External(Contained<Box<D::Connection>>),
}

impl<D: Driver> Lease<D> {
    pub(super) fn pooled(
        mut slot: PooledConnection<'static, Connector<D>>,
        permit: Permit,
        ticket: Ticket,
        marks: Option<Arc<CommitMarks>>,
    ) -> Self {
        slot.lent();
        Self {
            held: Some(Held::Pooled(slot)),
            state: State::Unproven,
            ticket: Some(ticket),
            permit: Some(permit),
            instrumented: false,
            recached: false,
            following: marks.map(|marks| Box::new(Following { marks, sent: None })),
        }
    }

    pub(super) fn external(connection: D::Connection, ticket: Ticket) -> Self {
        Self {
            held: Some(Held::External(Contained::new(Box::new(connection)))),
            state: State::Unproven,
            ticket: Some(ticket),
            permit: None,
            instrumented: false,
            recached: false,
            following: None,
        }
    }

    /// Lets reports on this lease show the session's activity, and records in `monitor` how long the session waited.
    pub(crate) fn observed_by(&self, monitor: &mut SessionMonitor) {
        let Some(ticket) = &self.ticket else { return };
        if let Some(activity) = monitor.activity() {
            ticket.watch(activity);
        }
        if monitor.watches_units()
            && let Some((since, waited)) = ticket.lent()
        {
            monitor.acquired(since, waited);
        }
    }

    /// Returns when the session got the connection, and how long the session had waited for it.
    pub(super) fn lent(&self) -> Option<(Instant, Duration)> {
        self.ticket.as_ref()?.lent()
    }

    /// Reports that the crate has reset what the session had changed.
    pub(crate) fn was_reset(&self) {
        if let Some(Held::Pooled(slot)) = &self.held {
            slot.was_reset();
        }
    }

    /// Reports that the crate has cancelled what the dropped session had left running.
    pub(crate) fn was_cancelled(&self) {
        if let Some(Held::Pooled(slot)) = &self.held {
            slot.was_cancelled();
        }
    }

    /// True if no session has used the connection before. Always false with an external pool, which does not say.
    pub(super) fn is_new(&self) -> bool {
        match &self.held {
            Some(Held::Pooled(slot)) => slot.is_new(),
            _ => false,
        }
    }

    /// Returns a number that no other lease has.
    pub(crate) fn number(&self) -> u64 {
        self.ticket.as_ref().map_or(0, Ticket::number)
    }

    /// Returns the call that borrowed the connection, as reports print it.
    pub(crate) fn holder(&self) -> String {
        let holder = self.ticket.as_ref().and_then(Ticket::holder);
        holder.unwrap_or_else(|| "a session".to_owned())
    }

    #[allow(clippy::expect_used)] // `held` is taken in `drop` alone
    pub(crate) fn connection(&mut self) -> &mut D::Connection {
        match self.held.as_mut().expect("present until dropped") {
            Held::Pooled(slot) => {
                let slot: &mut Pooled<D> = slot;
                &mut slot.connection
            }
            Held::External(connection) => connection,
        }
    }

    /// Records that the server was demoted: the pool closes this connection, and all
    /// others of the same or an earlier generation.
    pub(crate) fn demoted(&mut self) {
        self.connection().condemn();
        if let Some(Held::Pooled(slot)) = &mut self.held {
            slot.demoted();
        }
    }

    /// Records that the borrower may have set an instrumentation: the next borrower gets diesel's
    /// default one.
    pub(crate) fn instrumented(&mut self) {
        self.instrumented = true;
    }

    /// Records that the borrower may have set the statement cache's size: the next borrower gets
    /// the settings' size.
    pub(crate) fn recached(&mut self) {
        self.recached = true;
    }

    /// Returns the connection for the next borrower. Call it only once it is proven that the server has answered
    /// everything, no transaction is open, and nothing needs a reset.
    pub(crate) fn give_back(mut self) {
        if self.connection().is_closed() {
            return;
        }
        // Restoring runs the application's code, which may panic: an instrumentation's constructor and destructor.
        if (self.instrumented || self.recached) && contained(|| self.restore()).is_none() {
            return;
        }
        let stays = match &mut self.held {
            Some(Held::Pooled(slot)) => slot.came_back(),
            _ => false,
        };
        self.state = if stays { State::Stays } else { State::Clean };
    }

    /// Resets what the borrower set on the client's side.
    fn restore(&mut self) {
        if self.instrumented {
            self.connection().restore_instrumentation();
        }
        if self.recached {
            let size = self.connection().cache();
            self.connection().set_cache(size);
        }
    }

    /// Records that the session is about to send COMMIT.
    pub(crate) fn committing(&mut self) {
        if let Some(following) = &mut self.following {
            following.sent = Some(Instant::now());
        }
    }

    /// Records that the server has confirmed COMMIT.
    pub(crate) fn committed(&mut self, read_only: bool) {
        if self.following.is_none() {
            return;
        }
        let at = self.connection().committed_at();
        let Some(Following {
            marks,
            sent: Some(sent),
        }) = self.following.as_deref()
        else {
            return;
        };
        if read_only {
            marks.passed(at, *sent);
        } else {
            marks.committed(at, *sent);
        }
    }

    /// Records that the body's own SQL has committed.
    pub(crate) fn note_commit_of_body(&mut self) {
        if self.following.is_some()
            && self.connection().was_committed_by_body()
            && let Some(following) = &self.following
        {
            following.marks.committed(None, Instant::now());
        }
    }

    /// Records that COMMIT got no answer.
    pub(crate) fn in_doubt(&self) {
        if let Some(following) = &self.following {
            following.marks.in_doubt();
        }
    }

    /// Records that the caller was dropped during COMMIT.
    pub(crate) fn unfinished(&self) {
        if let Some(following) = &self.following {
            following.marks.unfinished();
        }
    }

    /// Records that the unfinished COMMIT's outcome is known, or will never be known.
    pub(crate) fn finished(&self) {
        if let Some(following) = &self.following {
            following.marks.finished();
        }
    }

    /// Records that the session was dropped; recovery still holds the permit.
    pub(crate) fn recovering(&self) {
        if let Some(ticket) = &self.ticket {
            ticket.recovering();
        }
    }
}

impl<D: Driver> Owner<D::Connection> for Lease<D> {
    fn connection(&mut self) -> &mut D::Connection {
        Lease::connection(self)
    }
}

impl<D: Driver> Drop for Lease<D> {
    fn drop(&mut self) {
        // bb8 spawns a task when it closes a returned connection, on any thread, so it needs a runtime.
        let _context = (self.state != State::Stays).then(crate::runtime::enter);
        if let (Some(Held::Pooled(slot)), Some(ticket)) = (&self.held, &self.ticket) {
            slot.used(ticket);
        }
        if self.state == State::Unproven {
            let _closed_by_its_slot = contained(|| self.connection().condemn());
        }
        // The order matters: the connection is back before a waiting caller gets the permit, and the permit
        // is free before the registry's entry is removed.
        drop(self.held.take());
        drop(self.permit.take());
        drop(self.ticket.take());
    }
}
