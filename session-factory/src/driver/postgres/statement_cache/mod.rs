//! Caches the statements that diesel would prepare anew at each run. Preparing costs a round trip.
//!
//! diesel caches a prepared statement only if the query's type alone determines its SQL. That excludes each UPDATE,
//! upsert, INSERT of an optional value, and `sql_query`. This cache's key is the SQL text: a text that repeats on the
//! same connection is cached, up to a limit. A text that contains its values does not repeat, so it is not cached.

pub(super) mod client_cache;
mod sql_text_cache;
pub(super) mod type_ids;

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, RandomState};

use diesel::pg::Pg;
use diesel::query_builder::QueryFragment;

use self::sql_text_cache::{AsItIs, SqlTextCache};
use super::fragment::{Key, Known, PgQuery, sql};
use super::sql::transaction_control;

/// The most prepared statements cached on a connection besides diesel's own.
const MOST_KEPT: usize = 256;
/// The most texts recorded as seen once. At the limit the record is cleared.
const MOST_SEEN: usize = 1024;

type Hashes = HashSet<u64, BuildHasherDefault<AsItIs>>;

/// One connection's SQL texts, as hashes.
#[derive(Debug, Default)]
pub(super) struct StatementCache {
    hasher: RandomState,
    seen: Hashes,
    kept: Hashes,
    sql_text_cache: SqlTextCache,
}

impl StatementCache {
    /// Clears the cache. Call when the connection's prepared statements no longer exist or are stale.
    pub(super) fn forget(&mut self) {
        self.seen.clear();
        self.kept.clear();
        self.sql_text_cache.forget();
    }

    /// [`look_at`](Self::look_at) for a view other than the connection's own. A cached text gets `blanks` trailing
    /// spaces, which distinguish it from the same text in other views. If `blanks` is `None`, nothing is cached.
    pub(super) fn look_at_elsewhere(
        &mut self,
        query: PgQuery<'_>,
        blanks: Option<usize>,
    ) -> Known<'static> {
        let never = |text: Option<String>| Known {
            key: Key::Never,
            text: text.map(Cow::Owned),
        };
        let Ok(text) = sql(query) else {
            return never(None);
        };
        let Some(blanks) = blanks else {
            return never(Some(text));
        };
        let is_told_by_type = query.is_safe_to_cache_prepared(&Pg).unwrap_or(false);
        let mut spelt = text.clone();
        spelt.extend(std::iter::repeat_n(' ', blanks));
        if is_told_by_type || is_plain(&text) && self.again(&spelt) {
            return Known {
                key: Key::Text,
                text: Some(spelt.into()),
            };
        }
        never(Some(text))
    }

    /// Returns the key under which to cache a statement, and its text if that was built. With `keeps_texts` false, only
    /// statements that diesel itself would cache are cached.
    pub(super) fn look_at(&mut self, query: PgQuery<'_>, keeps_texts: bool) -> Known<'_> {
        // A query without an id can only be cached by its text. If the text is cached, skip the walk over the query.
        let mut text = query.id().is_none().then(|| sql(query).ok()).flatten();
        let hash = text.as_deref().map(|text| self.hasher.hash_one(text));
        let is_kept = keeps_texts && hash.is_some_and(|hash| self.kept.contains(&hash));
        let by_text = |text: String| Known {
            key: Key::Text,
            text: Some(text.into()),
        };
        if is_kept && let Some(text) = text {
            return by_text(text);
        }
        // Ignore an invalid query's error here: the query reports the error when it runs.
        let told_by_type = query.is_safe_to_cache_prepared(&Pg).ok();
        let by_type = |text| Known {
            key: Key::Type(told_by_type),
            text,
        };
        if told_by_type != Some(false) {
            return by_type(match text {
                Some(text) => Some(text.into()),
                None => self.sql_text_cache.text(query),
            });
        }
        if text.is_none() {
            text = sql(query).ok();
        }
        match text {
            Some(text) if keeps_texts && is_plain(&text) && self.again(&text) => by_text(text),
            text => by_type(text.map(Cow::Owned)),
        }
    }

    /// Returns the texts cached by query type.
    pub(super) fn sql_text_cache(&mut self) -> &mut SqlTextCache {
        &mut self.sql_text_cache
    }

    fn again(&mut self, sql: &str) -> bool {
        let hash = self.hasher.hash_one(sql);
        if self.kept.contains(&hash) {
            return true;
        }
        if self.seen.remove(&hash) && self.kept.len() < MOST_KEPT {
            self.kept.insert(hash);
            return true;
        }
        if self.seen.len() >= MOST_SEEN {
            self.seen.clear();
        }
        self.seen.insert(hash);
        false
    }
}

/// True if the statement only reads or changes rows. Others are not cached: a second Execute may act differently.
fn is_plain(sql: &str) -> bool {
    if transaction_control::is_query(sql) {
        return true;
    }
    let word = sql.split_whitespace().next().unwrap_or_default();
    ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"]
        .iter()
        .any(|plain| plain.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_when_it_comes_again() {
        let mut statement_cache = StatementCache::default();
        assert!(!statement_cache.again("UPDATE a"));
        assert!(!statement_cache.again("UPDATE b"));
        assert!(statement_cache.again("UPDATE a"));
        assert!(statement_cache.again("UPDATE a"));
    }

    #[test]
    fn a_query_whose_text_is_kept_is_known_by_that_unless_nothing_is_to_be_kept() {
        let query = diesel::sql_query("UPDATE a SET b = 1");
        let mut statement_cache = StatementCache::default();
        for (keeps_texts, is_known_by_its_text) in
            [(true, false), (true, true), (false, false), (true, true)]
        {
            let known = statement_cache.look_at(PgQuery::of(&query), keeps_texts);
            assert_eq!(known.text.as_deref(), Some("UPDATE a SET b = 1"));
            assert_eq!(matches!(known.key, Key::Text), is_known_by_its_text);
        }
    }

    #[test]
    fn no_more_are_kept_and_remembered_than_the_limits() {
        let mut statement_cache = StatementCache::default();
        for number in 0..2 * MOST_KEPT {
            let sql = format!("UPDATE {number}");
            statement_cache.again(&sql);
            assert_eq!(statement_cache.again(&sql), number < MOST_KEPT);
        }
        for number in 0..3 * MOST_SEEN {
            statement_cache.again(&format!("UPDATE x{number}"));
        }
        assert!(statement_cache.seen.len() <= MOST_SEEN);
        assert!(statement_cache.again("UPDATE 1"));
    }

    #[test]
    fn only_statements_on_rows_are_kept() {
        assert!(is_plain("  update users SET n = 1"));
        assert!(is_plain("WITH a AS (SELECT 1) SELECT 1"));
        assert!(!is_plain("SET search_path TO a"));
        assert!(!is_plain(""));
    }
}
