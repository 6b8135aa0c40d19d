//! A connection's client-side caches: prepared statements, SQL texts and type OIDs.
//!
//! An entry is valid only while names resolve to the same objects as when it was cached. See
//! [`names`](crate::driver::postgres::sql::names).

use diesel::connection::CacheSize;

use super::StatementCache;
use super::type_ids::TypeIds;
use crate::driver::postgres::fragment::{Known, PgQuery};
use crate::driver::postgres::protocol::state::ProtocolState;
use crate::driver::postgres::sql::names::{Seen, View};

/// The most `View`s (what names resolve to) with cached statements, besides the connection's own view.
const MOST_VIEWS: usize = 16;

#[derive(Debug, Default)]
pub(crate) struct ClientCache {
    pub(crate) statement_cache: StatementCache,
    /// diesel-async's cache size, if one was set.
    size: Option<CacheSize>,
    /// [`ProtocolState::names_changed`] at the last [`follow`](Self::follow).
    seen: u64,
    forgotten: u64,
    store: Store,
    clouded: bool,
    views: Vec<(u64, TypeIds)>,
    /// Replaces diesel-async's type OIDs of the connection's own view, once those are stale.
    types: Option<TypeIds>,
    /// The body has or had the raw connection: diesel-async may have cached statements and OIDs of the body's view.
    lent: bool,
}

/// Where the current view's statements are cached.
#[derive(Debug, Default, Clone)]
enum Store {
    #[default]
    Own,
    View(usize),
    /// Statements are not cached.
    Nowhere(TypeIds),
}

impl ClientCache {
    /// Returns the query's cache key, and its SQL if that was already built.
    pub(crate) fn look_at(&mut self, query: PgQuery<'_>) -> Known<'_> {
        match self.store {
            Store::Own => self.statement_cache.look_at(query, !self.clouded),
            Store::View(view) => {
                let blanks = (!self.clouded).then_some(view + 1);
                self.statement_cache.look_at_elsewhere(query, blanks)
            }
            Store::Nowhere(_) => self.statement_cache.look_at_elsewhere(query, None),
        }
    }

    /// Returns the current view's type OIDs; `None` if diesel-async's own are valid.
    pub(crate) fn types(&self) -> Option<&TypeIds> {
        match &self.store {
            Store::Own => self.types.as_ref(),
            Store::View(view) => self.views.get(*view).map(|(_view, types)| types),
            Store::Nowhere(types) => Some(types),
        }
    }

    pub(crate) fn set_size(&mut self, size: CacheSize) {
        self.size = Some(size);
        self.statement_cache.sql_text_cache().set_cache(size);
    }

    pub(crate) fn size(&self) -> CacheSize {
        self.size.unwrap_or(CacheSize::Unbounded)
    }

    /// Call before the body gets the raw connection.
    pub(crate) fn lend(&mut self) {
        self.lent = true;
        self.statement_cache.sql_text_cache().suspend();
    }

    /// Call when the body no longer uses the raw connection.
    pub(crate) fn take_back(&mut self, protocol_state: Option<&ProtocolState>) {
        self.lent &= protocol_state
            .is_some_and(|protocol_state| protocol_state.names_changed() != self.seen);
    }

    /// True if names changed since the last [`follow`](Self::follow).
    pub(crate) fn is_behind(&self, protocol_state: &ProtocolState) -> bool {
        protocol_state.names_changed() != self.seen
    }

    /// Switches to the connection's current view. Returns true if diesel-async's prepared statements are stale.
    pub(crate) fn follow(&mut self, protocol_state: &ProtocolState) -> bool {
        self.seen = protocol_state.names_changed();
        let Seen {
            view,
            forgotten,
            clouded,
        } = protocol_state.names();
        self.clouded = clouded;
        let forgets = std::mem::take(&mut self.lent) || forgotten != self.forgotten;
        if forgets {
            self.forgotten = forgotten;
            self.statement_cache.forget();
            self.views.clear();
            self.types = Some(TypeIds::default());
        }
        self.store = match view {
            View::Own => Store::Own,
            View::Known(view) => self.store_of(view),
            View::Passing => Store::Nowhere(TypeIds::default()),
        };
        forgets
    }

    fn store_of(&mut self, view: u64) -> Store {
        let known = self.views.iter().position(|(known, _types)| *known == view);
        if let Some(known) = known {
            return Store::View(known);
        }
        if self.views.len() == MOST_VIEWS {
            return Store::Nowhere(TypeIds::default());
        }
        self.views.push((view, TypeIds::default()));
        Store::View(self.views.len() - 1)
    }
}
