//! What a connection keeps on this side: prepared statements, texts, and the numbers of types.
//!
//! All of it is good for what names stood for when it was kept. See [`names`](crate::driver::postgres::sql::names).

use diesel::connection::CacheSize;

use super::StatementCache;
use super::type_ids::TypeIds;
use crate::driver::postgres::fragment::{Known, PgQuery};
use crate::driver::postgres::protocol::state::ProtocolState;
use crate::driver::postgres::sql::names::{Seen, View};

/// Views of the names for which statements are kept, besides the connection's own. Each has its own statements.
const MOST_VIEWS: usize = 16;

#[derive(Debug, Default)]
pub(crate) struct ClientCache {
    pub(crate) statement_cache: StatementCache,
    /// How many statements diesel-async keeps, if that was said.
    size: Option<CacheSize>,
    /// The changes that this has followed.
    seen: u64,
    forgotten: u64,
    store: Store,
    clouded: bool,
    views: Vec<(u64, TypeIds)>,
    /// diesel-async's own numbers of types are good no more: these are, for the connection's own view.
    types: Option<TypeIds>,
    /// The raw connection was handed out: diesel-async may have kept what is good for another view.
    lent: bool,
}

/// Where statements are kept.
#[derive(Debug, Default, Clone)]
enum Store {
    #[default]
    Own,
    View(usize),
    /// They are not.
    Nowhere(TypeIds),
}

impl ClientCache {
    /// What is known of a query.
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

    /// The numbers of types, where diesel-async's own are not good.
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

    /// The raw connection is handed out.
    pub(crate) fn lend(&mut self) {
        self.lent = true;
        self.statement_cache.sql_text_cache().suspend();
    }

    /// It is not used any more.
    pub(crate) fn take_back(&mut self, protocol_state: Option<&ProtocolState>) {
        self.lent &= protocol_state
            .is_some_and(|protocol_state| protocol_state.names_changed() != self.seen);
    }

    /// Names stand for something else than they did when [`follow`](Self::follow) was called.
    pub(crate) fn is_behind(&self, protocol_state: &ProtocolState) -> bool {
        protocol_state.names_changed() != self.seen
    }

    /// Goes where the connection is by now. True: what diesel-async keeps prepared is good no more.
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
