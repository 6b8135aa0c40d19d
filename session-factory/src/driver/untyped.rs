//! A query without its type.
//!
//! Each query has its own type, so the compiler would compile generic code for each query, in the
//! application's crate, and again after every change there. A reference to `dyn Walk` has one type for
//! all queries, so the code that builds their SQL and sends them is compiled once.

use std::any::TypeId;

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};

/// The two functions of `QueryFragment` from which all others follow.
trait Walk<DB: Backend> {
    fn walk<'b>(&'b self, pass: AstPass<'_, 'b, DB>) -> QueryResult<()>;
    fn is_safe_to_cache(&self, backend: &DB) -> QueryResult<bool>;
}

impl<DB: Backend, T: QueryFragment<DB>> Walk<DB> for T {
    fn walk<'b>(&'b self, pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.walk_ast(pass)
    }

    fn is_safe_to_cache(&self, backend: &DB) -> QueryResult<bool> {
        self.is_safe_to_cache_prepared(backend)
    }
}

/// A query, and its type's id.
#[doc(hidden)]
#[allow(missing_debug_implementations)] // print it with diesel's `debug_query`
pub struct Untyped<'query, DB: Backend> {
    query: &'query dyn Walk<DB>,
    id: Option<TypeId>,
}

impl<DB: Backend> Clone for Untyped<'_, DB> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<DB: Backend> Copy for Untyped<'_, DB> {}

impl<'query, DB: Backend> Untyped<'query, DB> {
    pub(crate) fn of<T>(query: &'query T) -> Self
    where
        T: QueryFragment<DB> + QueryId,
    {
        Self {
            query,
            id: T::query_id(),
        }
    }

    /// Returns diesel's key of the prepared statement, if the type alone determines the SQL.
    pub(crate) fn id(&self) -> Option<TypeId> {
        self.id
    }
}

impl<DB: Backend> QueryFragment<DB> for Untyped<'_, DB> {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.query.walk(pass)
    }

    fn is_safe_to_cache_prepared(&self, backend: &DB) -> QueryResult<bool> {
        self.query.is_safe_to_cache(backend)
    }
}
