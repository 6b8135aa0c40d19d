//! A connection on loan.

use bb8::PooledConnection;
use diesel::connection::get_default_instrumentation;
use diesel_async::AsyncConnection;
use tokio::sync::OwnedSemaphorePermit;

use super::manager::{Manager, Slot};
use super::registry::Ticket;
use crate::driver::Driver;

/// A connection that is out, with its slot in the pool and its entry in the registry.
pub(crate) struct Lease<D: Driver> {
    held: Option<Held<D>>,
    ticket: Option<Ticket>,
    /// Its place in the factory's own pool.
    permit: Option<OwnedSemaphorePermit>,
    /// The borrower set an instrumentation, or the size of the statement cache.
    instrumented: bool,
    recached: bool,
}

enum Held<D: Driver> {
    Pooled(PooledConnection<'static, Manager<D>>),
    Foreign(Box<D::Link>),
}

impl<D: Driver> Lease<D> {
    pub(super) fn pooled(
        slot: PooledConnection<'static, Manager<D>>,
        permit: OwnedSemaphorePermit,
        ticket: Ticket,
    ) -> Self {
        Self {
            held: Some(Held::Pooled(slot)),
            ticket: Some(ticket),
            permit: Some(permit),
            instrumented: false,
            recached: false,
        }
    }

    pub(super) fn foreign(link: D::Link, ticket: Ticket) -> Self {
        Self {
            held: Some(Held::Foreign(Box::new(link))),
            ticket: Some(ticket),
            permit: None,
            instrumented: false,
            recached: false,
        }
    }

    /// Tells loans apart.
    pub(crate) fn number(&self) -> u64 {
        self.ticket.as_ref().map_or(0, Ticket::number)
    }

    #[allow(clippy::expect_used)] // `held` is taken in `drop` alone
    pub(crate) fn link(&mut self) -> &mut D::Link {
        match self.held.as_mut().expect("present until dropped") {
            Held::Pooled(slot) => {
                let slot: &mut Slot<D> = slot;
                &mut slot.link
            }
            Held::Foreign(link) => link,
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

    fn put_back(&mut self) {
        let (instrumented, recached) = (self.instrumented, self.recached);
        if D::is_closed(self.link()) {
            return;
        }
        if instrumented {
            D::connection(self.link()).set_instrumentation(get_default_instrumentation());
        }
        if recached {
            let size = D::cache(self.link());
            D::connection(self.link()).set_prepared_statement_cache_size(size);
        }
    }

    /// The session is gone, the slot is still taken.
    pub(crate) fn recovering(&self) {
        if let Some(ticket) = &self.ticket {
            ticket.recovering();
        }
    }
}

impl<D: Driver> Drop for Lease<D> {
    fn drop(&mut self) {
        // bb8 may spawn when a connection comes back, wherever that happens.
        let _context = crate::runtime::enter();
        if self.instrumented || self.recached {
            self.put_back();
        }
        if let Some(Held::Pooled(slot)) = &mut self.held {
            slot.used();
        }
        // First the connection, then the entry: whoever sees the entry gone finds the slot free. The next
        // in the queue is woken when there is a connection to take.
        drop(self.held.take());
        drop(self.permit.take());
        drop(self.ticket.take());
    }
}
