//! A connection on loan.

use std::sync::Arc;
use std::time::Instant;

use bb8::PooledConnection;

use super::connector::Connector;
use super::permits::Permit;
use super::pooled::Pooled;
use super::registry::Ticket;
use super::replica::commit_marks::Marks;
use crate::driver::{Driver, Owner};
use crate::panics::{Contained, contained};

/// A connection that is out, with its slot in the pool and its entry in the registry.
///
/// A lease that is dropped closes its connection: only [`give_back`](Self::give_back), at the end of a proof that the
/// connection is clean, hands it to the next borrower. So whatever unwinds or is dropped on the way back closes it.
pub(crate) struct Lease<D: Driver> {
    held: Option<Held<D>>,
    state: State,
    ticket: Option<Ticket>,
    /// Its permit of the factory's own pool.
    permit: Option<Permit>,
    /// The borrower set an instrumentation, or the size of the statement cache.
    instrumented: bool,
    recached: bool,
    /// Of a connection to a primary that has a replica. Boxed: few have, and callers' futures carry it.
    following: Option<Box<Following>>,
}

struct Following {
    marks: Arc<Marks>,
    /// When COMMIT was sent.
    sent: Option<Instant>,
}

/// What becomes of the connection when the lease is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is closed.
    Unproven,
    /// The end of a proof was reached. Its pool decides, and closes what is too old.
    Clean,
    /// The same, and it stays in the pool: nothing is closed, and nothing is opened in its place.
    Stays,
}

enum Held<D: Driver> {
    Pooled(PooledConnection<'static, Connector<D>>),
    Foreign(Contained<Box<D::Link>>),
}

impl<D: Driver> Lease<D> {
    pub(super) fn pooled(
        mut slot: PooledConnection<'static, Connector<D>>,
        permit: Permit,
        ticket: Ticket,
        marks: Option<Arc<Marks>>,
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

    pub(super) fn foreign(link: D::Link, ticket: Ticket) -> Self {
        Self {
            held: Some(Held::Foreign(Contained::new(Box::new(link)))),
            state: State::Unproven,
            ticket: Some(ticket),
            permit: None,
            instrumented: false,
            recached: false,
            following: None,
        }
    }

    /// Tells loans apart.
    pub(crate) fn number(&self) -> u64 {
        self.ticket.as_ref().map_or(0, Ticket::number)
    }

    /// The call that borrowed it, as reports name it.
    pub(crate) fn holder(&self) -> String {
        let holder = self.ticket.as_ref().and_then(Ticket::holder);
        holder.unwrap_or_else(|| "a session".to_owned())
    }

    #[allow(clippy::expect_used)] // `held` is taken in `drop` alone
    pub(crate) fn link(&mut self) -> &mut D::Link {
        match self.held.as_mut().expect("present until dropped") {
            Held::Pooled(slot) => {
                let slot: &mut Pooled<D> = slot;
                &mut slot.link
            }
            Held::Foreign(link) => link,
        }
    }

    /// The server takes no writes any more: this connection goes, and all that are as old.
    pub(crate) fn demoted(&mut self) {
        D::condemn(self.link());
        if let Some(Held::Pooled(slot)) = &mut self.held {
            slot.demoted();
        }
    }

    /// The next borrower gets diesel's default instrumentation again.
    pub(crate) fn instrumented(&mut self) {
        self.instrumented = true;
    }

    /// The next borrower gets the cache of the settings again.
    pub(crate) fn recached(&mut self) {
        self.recached = true;
    }

    /// Hands the connection to the next borrower. To be called at the end of a proof alone: everything that was sent
    /// is answered, no transaction is open, and nothing needs a reset.
    pub(crate) fn give_back(mut self) {
        if D::is_closed(self.link()) {
            return;
        }
        // Both call the application's code: its constructor of instrumentations, and its instrumentation's destructor.
        if (self.instrumented || self.recached) && contained(|| self.restore()).is_none() {
            return;
        }
        let stays = match &mut self.held {
            Some(Held::Pooled(slot)) => slot.came_back(),
            _ => false,
        };
        self.state = if stays { State::Stays } else { State::Clean };
    }

    /// What the borrower set on the client's side is as every borrower expects it.
    fn restore(&mut self) {
        if self.instrumented {
            D::restore_instrumentation(self.link());
        }
        if self.recached {
            let size = D::cache(self.link());
            D::set_cache(self.link(), size);
        }
    }

    /// COMMIT is about to be sent.
    pub(crate) fn committing(&mut self) {
        if let Some(following) = &mut self.following {
            following.sent = Some(Instant::now());
        }
    }

    /// The server has committed what it was sent to commit.
    pub(crate) fn committed(&mut self, read_only: bool) {
        if self.following.is_none() {
            return;
        }
        let at = D::committed_at(self.link());
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

    /// Notes a commit that the body made by itself.
    pub(crate) fn note_commit_of_body(&mut self) {
        if self.following.is_some()
            && D::was_committed_by_body(self.link())
            && let Some(following) = &self.following
        {
            following.marks.committed(None, Instant::now());
        }
    }

    /// No answer came to COMMIT.
    pub(crate) fn in_doubt(&self) {
        if let Some(following) = &self.following {
            following.marks.in_doubt();
        }
    }

    /// COMMIT is under way, and its caller is gone.
    pub(crate) fn unfinished(&self) {
        if let Some(following) = &self.following {
            following.marks.unfinished();
        }
    }

    /// What became of it is known, or never will be.
    pub(crate) fn finished(&self) {
        if let Some(following) = &self.following {
            following.marks.finished();
        }
    }

    /// The session is gone, the slot is still taken.
    pub(crate) fn recovering(&self) {
        if let Some(ticket) = &self.ticket {
            ticket.recovering();
        }
    }
}

impl<D: Driver> Owner<D::Link> for Lease<D> {
    fn link(&mut self) -> &mut D::Link {
        Lease::link(self)
    }
}

impl<D: Driver> Drop for Lease<D> {
    fn drop(&mut self) {
        // bb8 spawns when a connection is closed as it comes back, wherever that happens.
        let _context = (self.state != State::Stays).then(crate::runtime::enter);
        if self.state == State::Unproven {
            let _closed_by_its_slot = contained(|| D::condemn(self.link()));
        }
        // First the connection, then the entry: whoever sees the entry gone finds the slot free. The next
        // in the queue is woken when there is a connection to take.
        drop(self.held.take());
        drop(self.permit.take());
        drop(self.ticket.take());
    }
}
