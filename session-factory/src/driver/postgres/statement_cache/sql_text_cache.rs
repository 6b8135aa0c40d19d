//! Caches the SQL text of queries by query type.
//!
//! diesel builds a query's text at each run, and then finds the prepared statement by the query's type, if the type
//! alone determines the text. With this cache the text is built once. It is cached only after diesel has prepared the
//! statement: if preparing failed, the next query of that type rebuilds its SQL.

use std::any::TypeId;
use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use diesel::connection::CacheSize;

use crate::driver::postgres::fragment::{PgQuery, sql};

/// The most texts cached on a connection.
const MOST: usize = 1024;

/// One connection's SQL texts by query type.
#[derive(Debug, Default)]
pub(crate) struct SqlTextCache {
    texts: HashMap<TypeId, Box<str>, BuildHasherDefault<AsItIs>>,
    /// The next statement's text, if it was just built.
    fresh: Option<Fresh>,
    /// True while diesel caches no prepared statements: then each run builds its text.
    off: bool,
}

/// A text whose statement may not yet be prepared.
#[derive(Debug)]
pub(crate) struct Fresh(TypeId, Box<str>);

impl SqlTextCache {
    /// Returns the text of a query whose type alone determines it; `None` if the type has no id, or the cache is off.
    pub(crate) fn text(&mut self, query: PgQuery<'_>) -> Option<Cow<'_, str>> {
        self.fresh = None;
        let id = query.id().filter(|_| !self.off)?;
        if let Some(text) = self.texts.get(&id) {
            return Some(Cow::Borrowed(text));
        }
        // Ignore an invalid query's error here: the query reports the error when it runs.
        let text = sql(query).ok()?;
        self.fresh = Some(Fresh(id, text.as_str().into()));
        Some(Cow::Owned(text))
    }

    /// Takes the text that the last call of [`text`](Self::text) built, if it built one.
    pub(crate) fn fresh(&mut self) -> Option<Fresh> {
        self.fresh.take()
    }

    /// Call once the statement has run: diesel then has it prepared.
    pub(crate) fn keep(&mut self, Fresh(id, text): Fresh) {
        if !self.off && self.texts.len() < MOST {
            self.texts.insert(id, text);
        }
    }

    /// Call when diesel's cache size is set. diesel may then drop its prepared statements, so the texts go as well.
    pub(crate) fn set_cache(&mut self, size: CacheSize) {
        self.forget();
        self.off = size == CacheSize::Disabled;
    }

    /// Call when the body gets the raw connection and may change diesel's cache: no text is cached until
    /// [`set_cache`](Self::set_cache).
    pub(crate) fn suspend(&mut self) {
        self.forget();
        self.off = true;
    }

    /// Call when diesel has dropped its prepared statements.
    pub(crate) fn forget(&mut self) {
        self.texts.clear();
        self.fresh = None;
    }
}

/// A hasher for keys that are hashes already, such as `TypeId`.
#[derive(Debug, Default)]
pub(crate) struct AsItIs(u64);

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
        let mut sql_text_cache = SqlTextCache::default();
        let one = select(1.into_sql::<Integer>());
        let other = select((1.into_sql::<Integer>(), 2.into_sql::<Integer>()));
        for is_kept in [false, true] {
            for (query, text) in [
                (PgQuery::of(&one), "SELECT $1"),
                (PgQuery::of(&other), "SELECT $1, $2"),
            ] {
                let had = sql_text_cache.text(query);
                assert_eq!(had.as_deref(), Some(text));
                assert_eq!(matches!(had, Some(Cow::Borrowed(_))), is_kept);
                let fresh = sql_text_cache.fresh();
                assert_eq!(fresh.is_none(), is_kept);
                if let Some(fresh) = fresh {
                    sql_text_cache.keep(fresh);
                }
            }
        }
        assert_eq!(sql_text_cache.texts.len(), 2);
        // The type of a `sql_query` does not determine its text.
        assert_eq!(
            sql_text_cache.text(PgQuery::of(&diesel::sql_query("SELECT 1"))),
            None
        );
    }

    #[test]
    fn a_text_whose_statement_did_not_run_is_not_kept() {
        let mut sql_text_cache = SqlTextCache::default();
        let one = select(1.into_sql::<Integer>());
        assert!(sql_text_cache.text(PgQuery::of(&one)).is_some());
        let _did_not_run = sql_text_cache.fresh();
        assert!(sql_text_cache.texts.is_empty());
        assert!(sql_text_cache.text(PgQuery::of(&one)).is_some());
        let _was_not_sent = sql_text_cache.text(PgQuery::of(&diesel::sql_query("SELECT 1")));
        assert!(sql_text_cache.fresh().is_none());
    }

    #[test]
    fn without_prepared_statements_no_text_is_kept() {
        let mut sql_text_cache = SqlTextCache::default();
        let query = select(1.into_sql::<Integer>());
        let query = PgQuery::of(&query);
        assert!(sql_text_cache.text(query).is_some());
        for off in [
            |sql_text_cache: &mut SqlTextCache| sql_text_cache.set_cache(CacheSize::Disabled),
            SqlTextCache::suspend,
        ] {
            let fresh = Fresh(query.id().unwrap(), "SELECT $1".into());
            sql_text_cache.keep(fresh);
            off(&mut sql_text_cache);
            assert_eq!(sql_text_cache.text(query), None);
            sql_text_cache.keep(Fresh(query.id().unwrap(), "SELECT $1".into()));
            assert!(sql_text_cache.texts.is_empty());
            sql_text_cache.set_cache(CacheSize::Unbounded);
            assert!(sql_text_cache.text(query).is_some());
        }
    }
}
