//! The texts of queries, kept for the next time that they run.
//!
//! diesel builds a query's text whenever it runs, and then finds the prepared statement by the query's type, where that
//! alone tells the text. Such a text is built once on each connection.

use std::any::TypeId;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};

use diesel::connection::CacheSize;

use super::fragment::{PgQuery, sql};

/// Texts that are kept on a connection.
const MOST: usize = 1024;

/// By the types of their queries.
#[derive(Debug, Default)]
pub(super) struct Built {
    texts: HashMap<TypeId, Box<str>, BuildHasherDefault<AsItIs>>,
    /// No statement is kept prepared: each is prepared from its own text.
    off: bool,
}

impl Built {
    /// The text of a query whose type alone tells it. None: it is not kept.
    pub(super) fn text(&mut self, query: PgQuery<'_>) -> Option<&str> {
        let id = query.id().filter(|_| !self.off)?;
        if self.texts.len() >= MOST {
            return self.texts.get(&id).map(Box::as_ref);
        }
        match self.texts.entry(id) {
            Entry::Occupied(kept) => Some(kept.into_mut()),
            // What is wrong with a query shows when it runs.
            Entry::Vacant(place) => Some(place.insert(sql(query).ok()?.into())),
        }
    }

    /// The prepared statements are forgotten, and their texts with them.
    pub(super) fn set_cache(&mut self, size: CacheSize) {
        self.texts.clear();
        self.off = size == CacheSize::Disabled;
    }
}

/// The hash of a `TypeId`, which is one already.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, number: u64) {
        self.0 ^= number;
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use diesel::sql_types::Integer;
    use diesel::{IntoSql, select};

    use super::*;

    #[test]
    fn a_text_is_kept_by_the_type_of_its_query() {
        let mut built = Built::default();
        let one = select(1.into_sql::<Integer>());
        let other = select((1.into_sql::<Integer>(), 2.into_sql::<Integer>()));
        for _ in 0..2 {
            assert_eq!(built.text(PgQuery::of(&one)), Some("SELECT $1"));
            assert_eq!(built.text(PgQuery::of(&other)), Some("SELECT $1, $2"));
        }
        assert_eq!(built.texts.len(), 2);
        // Its type tells nothing.
        assert_eq!(
            built.text(PgQuery::of(&diesel::sql_query("SELECT 1"))),
            None
        );
    }

    #[test]
    fn without_prepared_statements_no_text_is_kept() {
        let mut built = Built::default();
        let query = select(1.into_sql::<Integer>());
        assert!(built.text(PgQuery::of(&query)).is_some());
        built.set_cache(CacheSize::Disabled);
        assert_eq!(built.text(PgQuery::of(&query)), None);
        built.set_cache(CacheSize::Unbounded);
        assert!(built.text(PgQuery::of(&query)).is_some());
    }
}
