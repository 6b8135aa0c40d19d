//! The instrumentation that watches a connection.

use std::sync::{Arc, Weak};

use diesel::connection::{DynInstrumentation, Instrumentation};

use super::events::{Events, Relay};

use crate::sync::Mutex;

/// What a connection knows about the application's instrumentation.
#[derive(Default)]
#[doc(hidden)]
pub struct Instrumented {
    events: Option<Events>,
    /// The instrumentation while the body has it, until the next event. The mutex only makes
    /// the connection `Sync`; no code locks it.
    lent: Mutex<Option<DynInstrumentation>>,
    /// Upgradable while the connection still has this crate's relay.
    relay: Weak<()>,
    /// True if the connection has an instrumentation that the session cannot see: the application's pool
    /// set it, or the body set it on the raw connection.
    direct: bool,
}

impl std::fmt::Debug for Instrumented {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instrumented")
            .field("events", &self.events.is_some())
            .finish_non_exhaustive()
    }
}

impl Instrumented {
    /// Makes the value for a connection from the application's pool.
    pub(crate) fn direct() -> Self {
        Self {
            direct: true,
            ..Self::default()
        }
    }

    /// Keeps the instrumentation, and returns the relay for the connection.
    pub(crate) fn set(&mut self, instrumentation: DynInstrumentation) -> Relay {
        *self.lent() = None;
        self.direct = false;
        let events = match &self.events {
            Some(events) => {
                let _replaced = events.put(Some(instrumentation));
                events.clone()
            }
            None => self.events.insert(Events::new(instrumentation)).clone(),
        };
        let alive = Arc::new(());
        self.relay = Arc::downgrade(&alive);
        Relay::new(&events, alive)
    }

    /// Removes the instrumentation. `direct` is true if the connection itself still has one.
    pub(crate) fn clear(&mut self, direct: bool) {
        *self.lent() = None;
        self.direct = direct;
        if let Some(events) = self.events.take() {
            // A dropped statement may still hold the `Events`, which must not reach the instrumentation any more.
            let _gone = events.put(None);
        }
    }

    /// Returns the receiver of events; `None` without an instrumentation.
    #[inline]
    pub(crate) fn events(&mut self) -> Option<&Events> {
        self.events.as_ref()?;
        self.heard()
    }

    /// The part of [`events`](Self::events) that is not needed without an instrumentation.
    fn heard(&mut self) -> Option<&Events> {
        if self.events.as_ref()?.is_replaced() {
            self.clear(true);
        }
        let lent = self.lent().take();
        let events = self.events.as_ref()?;
        if lent.is_some() {
            let _none = events.put(lent);
        }
        Some(events)
    }

    fn lent(&mut self) -> &mut Option<DynInstrumentation> {
        self.lent.get_mut()
    }

    /// Returns the instrumentation; `None` if there is none, or if only the connection itself has one.
    pub(crate) fn instrumentation(&mut self) -> Option<&mut dyn Instrumentation> {
        let events = self.events.as_ref()?.clone();
        let lent = self.lent();
        if lent.is_none() {
            *lent = events.take();
        }
        lent.as_deref_mut()
    }

    /// True if the connection has an instrumentation that the session cannot see.
    #[inline]
    pub(crate) fn is_direct(&self) -> bool {
        self.direct
    }

    /// Call before the body borrows the raw connection.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) fn lend(&mut self) {
        self.may_be_replaced();
        if let Some(events) = self.events() {
            events.lend();
        }
    }

    /// Call when the body may set an instrumentation on the raw connection, which the session would
    /// not see.
    pub(crate) fn may_be_replaced(&mut self) {
        self.direct = self.events.is_none();
    }

    /// Call when the body has returned the raw connection, perhaps with another instrumentation.
    #[cfg(any(feature = "postgres", feature = "mysql"))]
    pub(crate) fn take_back(&mut self) {
        let replaced = self.relay.strong_count() == 0;
        if let Some(events) = self.events() {
            events.take_back(replaced);
        }
    }
}
