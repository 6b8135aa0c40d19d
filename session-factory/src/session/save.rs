//! `save_changes` on a session.

#[cfg(feature = "mysql")]
use diesel::associations::HasTable;
use diesel::associations::Identifiable;
use diesel::query_builder::{AsQuery, IntoUpdateTarget, UpdateStatement};
use diesel::query_dsl::methods::FindDsl;
use diesel::{AsChangeset, QueryResult, Table};
#[cfg(feature = "mysql")]
use diesel_async::methods::ExecuteDsl;
use diesel_async::methods::LoadQuery;
use diesel_async::{RunQueryDsl, UpdateAndFetchResults};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::Session;
use crate::driver::Driver;
use crate::factory::SessionFactory;

/// How a backend changes a row and returns the changed row.
#[doc(hidden)]
pub trait SavesChanges<F: SessionFactory, Changes, Output>: Driver {
    /// Changes the row, and returns it as it is after the change.
    fn save<'changes>(
        session: &'changes mut Session<F>,
        changes: Changes,
    ) -> BoxFuture<'changes, QueryResult<Output>>
    where
        Changes: 'changes;
}

/// Implements the trait with UPDATE … RETURNING.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
macro_rules! returning {
    ($backend:ty) => {
        impl<'b, F, Changes, Output, Tab, V> SavesChanges<F, Changes, Output> for $backend
        where
            F: SessionFactory<Driver = Self>,
            Output: Send + 'static,
            Changes: Copy + AsChangeset<Target = Tab> + Send + Identifiable<Table = Tab>,
            Tab: Table + FindDsl<Changes::Id> + 'b,
            diesel::dsl::Find<Tab, Changes::Id>: IntoUpdateTarget<Table = Tab, WhereClause = V>,
            UpdateStatement<Tab, V, Changes::Changeset>: AsQuery,
            diesel::dsl::Update<Changes, Changes>: LoadQuery<'b, Session<F>, Output>,
            V: Send + 'b,
            Changes::Changeset: Send + 'b,
            Tab::FromClause: Send,
        {
            fn save<'changes>(
                session: &'changes mut Session<F>,
                changes: Changes,
            ) -> BoxFuture<'changes, QueryResult<Output>>
            where
                Changes: 'changes,
            {
                async move {
                    diesel::update(changes)
                        .set(changes)
                        .get_result(session)
                        .await
                }
                .boxed()
            }
        }
    };
}

#[cfg(feature = "postgres")]
returning!(crate::driver::Postgres);
#[cfg(feature = "sqlite")]
returning!(crate::driver::Sqlite);

/// MySQL has no RETURNING, so this sends UPDATE, then SELECT.
#[cfg(feature = "mysql")]
impl<'b, F, Changes, Output, Tab, V> SavesChanges<F, Changes, Output> for crate::driver::Mysql
where
    F: SessionFactory<Driver = Self>,
    Output: Send + 'static,
    Changes: Copy + AsChangeset<Target = Tab> + Send + Identifiable<Table = Tab>,
    Tab: Table + FindDsl<Changes::Id> + 'b,
    diesel::dsl::Find<Tab, Changes::Id>:
        IntoUpdateTarget<Table = Tab, WhereClause = V> + LoadQuery<'b, Session<F>, Output> + Send,
    UpdateStatement<Tab, V, Changes::Changeset>: AsQuery,
    diesel::dsl::Update<Changes, Changes>: ExecuteDsl<Session<F>>,
    V: Send + 'b,
    Changes::Changeset: Send + 'b,
    Changes::Id: 'b,
    Tab::FromClause: Send,
{
    fn save<'changes>(
        session: &'changes mut Session<F>,
        changes: Changes,
    ) -> BoxFuture<'changes, QueryResult<Output>>
    where
        Changes: 'changes,
    {
        async move {
            diesel::update(changes)
                .set(changes)
                .execute(session)
                .await?;
            let row = FindDsl::find(<Changes as HasTable>::table(), changes.id());
            row.get_result(session).await
        }
        .boxed()
    }
}

impl<F, Changes, Output> UpdateAndFetchResults<Changes, Output> for Session<F>
where
    F: SessionFactory<Driver: SavesChanges<F, Changes, Output>>,
    Changes: Copy + AsChangeset + Identifiable,
{
    fn update_and_fetch<'conn, 'changes>(
        &'conn mut self,
        changeset: Changes,
    ) -> BoxFuture<'changes, QueryResult<Output>>
    where
        Changes: 'changes,
        Changes::Changeset: 'changes,
        'conn: 'changes,
        Self: 'changes,
    {
        F::Driver::save(self, changeset)
    }
}
