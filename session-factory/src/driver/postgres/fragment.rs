//! The query fragment that diesel-async gets instead of the application's query.

use std::any::TypeId;
use std::borrow::Cow;
use std::cell::Cell;

use diesel::QueryResult;
use diesel::pg::{Pg, PgQueryBuilder};
use diesel::query_builder::{AstPass, Query, QueryBuilder, QueryFragment, QueryId};
use diesel::sql_types;

use crate::driver::Untyped;
use diesel_async::{AsyncConnectionCore, AsyncPgConnection};

/// The application's query.
pub(super) type PgQuery<'query> = Untyped<'query, Pg>;

/// The future of a query's rows.
pub(super) type Loading<'conn> =
    <&'conn AsyncPgConnection as AsyncConnectionCore>::LoadFuture<'conn, 'conn>;

/// Returns the SQL as diesel-async sends it.
pub(super) fn sql(query: PgQuery<'_>) -> QueryResult<String> {
    let mut sql = PgQueryBuilder::default();
    query.to_sql(&mut sql, &Pg)?;
    Ok(sql.finish())
}

/// The key under which diesel-async caches a prepared statement.
#[derive(Debug, Clone, Copy)]
pub(super) enum Key {
    /// diesel-async's own choice: the query type's id, if the type alone determines the SQL. The field says whether the
    /// type does, if that is known already.
    Type(Option<bool>),
    /// The SQL text.
    Text,
    /// The statement is not cached.
    Never,
}

/// What the driver knows about a query before diesel-async splits it into text and binds.
#[derive(Debug)]
pub(super) struct Known<'query> {
    pub(super) key: Key,
    /// The query's SQL, if it was built already.
    pub(super) text: Option<Cow<'query, str>>,
}

/// The query as diesel-async sees it.
pub(super) struct Fragment<'query> {
    query: PgQuery<'query>,
    is_safe_to_cache: Option<bool>,
    text: Option<Cow<'query, str>>,
}

thread_local! {
    /// The id of the query that this thread is splitting. diesel asks the query's type for it, so no field can hold it.
    static ID: Cell<Option<TypeId>> = const { Cell::new(None) };
}

/// Calls `take`, which passes the query to diesel-async. diesel-async asks for the query's id within that call.
pub(super) fn take_apart<'query, R>(
    query: PgQuery<'query>,
    known: Known<'query>,
    take: impl FnOnce(Fragment<'query>) -> R,
) -> R {
    let (id, is_safe_to_cache) = match known.key {
        Key::Type(is_safe) => (query.id(), is_safe),
        Key::Text => (None, Some(true)),
        Key::Never => (None, Some(false)),
    };
    with_id(id, || {
        take(Fragment {
            query,
            is_safe_to_cache,
            text: known.text,
        })
    })
}

/// Makes `id` the current id during `take`, so that diesel-async finds it.
pub(super) fn with_id<R>(id: Option<TypeId>, take: impl FnOnce() -> R) -> R {
    // An instrumentation may run its own query meanwhile, so the outer query's id is restored afterwards.
    let _outer = Outer(ID.replace(id));
    take()
}

/// Returns the id that [`with_id`] has set.
pub(super) fn current_id() -> Option<TypeId> {
    ID.get()
}

/// Restores the outer query's id, also after a panic. Otherwise a statement could be cached under a wrong id, and would
/// then run for the query that has this id.
struct Outer(Option<TypeId>);

impl Drop for Outer {
    fn drop(&mut self) {
        ID.set(self.0);
    }
}

impl QueryFragment<Pg> for Fragment<'_> {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.query.walk_ast(pass)
    }

    fn to_sql(&self, out: &mut PgQueryBuilder, backend: &Pg) -> QueryResult<()> {
        match &self.text {
            Some(text) => {
                out.push_sql(text);
                Ok(())
            }
            None => self.query.to_sql(out, backend),
        }
    }

    fn is_safe_to_cache_prepared(&self, backend: &Pg) -> QueryResult<bool> {
        match self.is_safe_to_cache {
            Some(is_safe) => Ok(is_safe),
            None => self.query.is_safe_to_cache_prepared(backend),
        }
    }
}

impl QueryId for Fragment<'_> {
    type QueryId = ();
    // The id differs for each query: see `query_id`.
    const HAS_STATIC_QUERY_ID: bool = false;

    fn query_id() -> Option<TypeId> {
        current_id()
    }
}

impl Query for Fragment<'_> {
    type SqlType = sql_types::Untyped;
}

#[cfg(test)]
mod tests {
    use diesel::sql_types::Integer;
    use diesel::{IntoSql, select};

    use super::*;

    const BY_TYPE: Known<'_> = Known {
        key: Key::Type(None),
        text: None,
    };

    fn is_safe(fragment: &Fragment<'_>) -> Option<bool> {
        fragment.is_safe_to_cache_prepared(&Pg).ok()
    }

    #[test]
    fn a_query_is_known_by_its_own_id_while_it_is_taken_apart() {
        let query = select(1.into_sql::<Integer>());
        let query = PgQuery::of(&query);
        assert!(query.id().is_some());
        let (outer, inner, after) = take_apart(query, BY_TYPE, |fragment| {
            assert_eq!(is_safe(&fragment), Some(true));
            let outer = Fragment::query_id();
            let inner = take_apart(
                query,
                Known {
                    key: Key::Text,
                    ..BY_TYPE
                },
                |_| Fragment::query_id(),
            );
            (outer, inner, Fragment::query_id())
        });
        assert_eq!((outer, inner, after), (query.id(), None, query.id()));
        assert_eq!(Fragment::query_id(), None);
    }

    #[test]
    fn a_panic_in_an_inner_query_leaves_the_outer_one_its_id() {
        let query = select(1.into_sql::<Integer>());
        let query = PgQuery::of(&query);
        let other = select((1.into_sql::<Integer>(), 2.into_sql::<Integer>()));
        let other = PgQuery::of(&other);
        take_apart(query, BY_TYPE, |_| {
            let inner = std::panic::AssertUnwindSafe(|| {
                take_apart(other, BY_TYPE, |_| {
                    std::panic::resume_unwind(Box::new("inner"))
                });
            });
            assert!(std::panic::catch_unwind(inner).is_err());
            assert_eq!(Fragment::query_id(), query.id());
        });
        assert_eq!(Fragment::query_id(), None);
    }

    #[test]
    fn a_text_is_kept_where_that_is_asked_for() {
        let query = diesel::sql_query("SELECT 1");
        let query = PgQuery::of(&query);
        assert_eq!(query.id(), None);
        for (key, safe) in [
            (Key::Type(None), false),
            (Key::Type(Some(false)), false),
            (Key::Text, true),
        ] {
            let kept = take_apart(query, Known { key, ..BY_TYPE }, |fragment| {
                is_safe(&fragment)
            });
            assert_eq!(kept, Some(safe), "{key:?}");
        }
        assert_eq!(sql(query).ok().as_deref(), Some("SELECT 1"));
    }

    #[test]
    fn a_text_that_is_known_is_not_built_again() {
        let query = diesel::sql_query("SELECT 1");
        let text = Some("SELECT 2".into());
        let known = Known { text, ..BY_TYPE };
        let built = take_apart(PgQuery::of(&query), known, |fragment| {
            let mut sql = PgQueryBuilder::default();
            fragment.to_sql(&mut sql, &Pg).map(|()| sql.finish())
        });
        assert_eq!(built.ok().as_deref(), Some("SELECT 2"));
    }
}
