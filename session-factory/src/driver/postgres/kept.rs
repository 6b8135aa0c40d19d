//! What a connection keeps on this side: prepared statements, texts, and the numbers of types.
//!
//! All of it is good for what names stood for when it was kept. See [`names`](super::names).

use diesel::connection::CacheSize;

use super::fragment::{Known, PgQuery};
use super::ledger::Ledger;
use super::names::{Seen, View};
use super::repeated::Repeated;
use super::types::Types;

/// Views of the names for which statements are kept, besides the connection's own. Each has its own statements.
const MOST_VIEWS: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) repeated: Repeated,
    /// How many statements diesel-async keeps, if that was said.
    size: Option<CacheSize>,
    /// The changes that this has followed.
    seen: u64,
    forgotten: u64,
    place: Place,
    clouded: bool,
    views: Vec<(u64, Types)>,
    /// diesel-async's own numbers of types are good no more: these are, for the connection's own view.
    types: Option<Types>,
    /// The raw connection was handed out: diesel-async may have kept what is good for another view.
    lent: bool,
}

/// Where statements are kept.
#[derive(Debug, Default, Clone)]
enum Place {
    #[default]
    Own,
    View(usize),
    /// They are not.
    Nowhere(Types),
}

impl Kept {
    /// What is known of a query.
    pub(super) fn look_at(&mut self, query: PgQuery<'_>) -> Known<'_> {
        match self.place {
            Place::Own => self.repeated.look_at(query, !self.clouded),
            Place::View(view) => {
                let blanks = (!self.clouded).then_some(view + 1);
                self.repeated.look_at_elsewhere(query, blanks)
            }
            Place::Nowhere(_) => self.repeated.look_at_elsewhere(query, None),
        }
    }

    /// The numbers of types, where diesel-async's own are not good.
    pub(super) fn types(&self) -> Option<&Types> {
        match &self.place {
            Place::Own => self.types.as_ref(),
            Place::View(view) => self.views.get(*view).map(|(_view, types)| types),
            Place::Nowhere(types) => Some(types),
        }
    }

    pub(super) fn set_size(&mut self, size: CacheSize) {
        self.size = Some(size);
        self.repeated.built().set_cache(size);
    }

    pub(super) fn size(&self) -> CacheSize {
        self.size.unwrap_or(CacheSize::Unbounded)
    }

    /// The raw connection is handed out.
    pub(super) fn lend(&mut self) {
        self.lent = true;
        self.repeated.built().suspend();
    }

    /// It is not used any more.
    pub(super) fn take_back(&mut self, ledger: Option<&Ledger>) {
        self.lent &= ledger.is_some_and(|ledger| ledger.names_changed() != self.seen);
    }

    /// Names stand for something else than they did when [`follow`](Self::follow) was called.
    pub(super) fn is_behind(&self, ledger: &Ledger) -> bool {
        ledger.names_changed() != self.seen
    }

    /// Goes where the connection is by now. True: what diesel-async keeps prepared is good no more.
    pub(super) fn follow(&mut self, ledger: &Ledger) -> bool {
        self.seen = ledger.names_changed();
        let Seen {
            view,
            forgotten,
            clouded,
        } = ledger.names();
        self.clouded = clouded;
        let forgets = std::mem::take(&mut self.lent) || forgotten != self.forgotten;
        if forgets {
            self.forgotten = forgotten;
            self.repeated.forget();
            self.views.clear();
            self.types = Some(Types::default());
        }
        self.place = match view {
            View::Own => Place::Own,
            View::Known(view) => self.place_of(view),
            View::Passing => Place::Nowhere(Types::default()),
        };
        forgets
    }

    fn place_of(&mut self, view: u64) -> Place {
        let known = self.views.iter().position(|(known, _types)| *known == view);
        if let Some(known) = known {
            return Place::View(known);
        }
        if self.views.len() == MOST_VIEWS {
            return Place::Nowhere(Types::default());
        }
        self.views.push((view, Types::default()));
        Place::View(self.views.len() - 1)
    }
}
