//! Methods of a session, a factory and a builder under the names of other libraries (sqlx, `SeaORM`, tokio-postgres,
//! SQLAlchemy, JPA). A call does not compile: a bound that no type fulfils says what to write instead.
//!
//! The methods are hidden, so that neither the documentation nor an editor offers them. Each takes any argument and
//! returns any type, so that the bound is the only error. The receiver is `self` where possible: on a `&mut Session`
//! the application's own method of that name then wins. No macro writes them, because compiler messages would show it.

#![allow(missing_docs, clippy::should_implement_trait)]

use super::{Run, Session, SessionBuilder};
use crate::factory::{Factory, SessionFactory};

#[diagnostic::on_unimplemented(
    message = "a session begins its transaction with its first statement: there is nothing to begin",
    label = "remove this call, and use the session",
    note = "for a transaction inside of this one write `db.savepoint(async |db| …).await`"
)]
pub trait BeginsByHand {
    fn any<R>() -> R;
}

#[doc(hidden)]
impl<F: SessionFactory> Session<F> {
    pub fn begin<R>(self) -> R
    where
        Self: BeginsByHand,
    {
        <Self as BeginsByHand>::any()
    }

    pub fn begin_transaction<R>(self) -> R
    where
        Self: BeginsByHand,
    {
        <Self as BeginsByHand>::any()
    }

    pub fn start_transaction<R>(self) -> R
    where
        Self: BeginsByHand,
    {
        <Self as BeginsByHand>::any()
    }
}

#[diagnostic::on_unimplemented(
    message = "a transaction inside of a session's is a savepoint, and has a body",
    label = "write `savepoint(async |db| …)`",
    note = "`Ok` keeps what the body wrote, `Err` rolls it back: `db.savepoint(async |db| {{ …; Ok::<_, SessionError>(()) }}).await?`"
)]
pub trait BeginsASavepointByHand {
    fn any<R>() -> R;
}

#[doc(hidden)]
impl<F: SessionFactory> Session<F> {
    pub fn begin_nested<R>(self) -> R
    where
        Self: BeginsASavepointByHand,
    {
        <Self as BeginsASavepointByHand>::any()
    }

    pub fn nested<R>(self) -> R
    where
        Self: BeginsASavepointByHand,
    {
        <Self as BeginsASavepointByHand>::any()
    }
}

#[diagnostic::on_unimplemented(
    message = "a session cannot be cloned: it is one connection with one transaction",
    label = "pass the session on: `f_in(db)`",
    note = "to do more in the same transaction call an annotated function's `_in` form with `db`, one call after another",
    note = "for work in a transaction of its own call the function without `_in`: it opens a session"
)]
pub trait Clones {
    fn any<R>() -> R;
}

#[doc(hidden)]
impl<F: SessionFactory> Session<F> {
    pub fn clone<R>(&self) -> R
    where
        Self: Clones,
    {
        <Self as Clones>::any()
    }
}

#[diagnostic::on_unimplemented(
    message = "a session runs diesel's queries: the query stands in front, and takes the session",
    label = "write `query.execute(db).await?`",
    note = "for SQL as a text write `diesel::sql_query(\"DELETE FROM users\").execute(db).await?` with `use diesel_async::RunQueryDsl;`",
    note = "for several statements in one text write `db.batch_execute(\"…\").await?` with `use diesel_async::SimpleAsyncConnection;`"
)]
pub trait ExecutesAQuery {
    fn any<R>() -> R;
}

#[doc(hidden)]
impl<F: SessionFactory> Session<F> {
    pub fn execute<Q, R>(&mut self, _: Q) -> R
    where
        Self: ExecutesAQuery,
    {
        <Self as ExecutesAQuery>::any()
    }

    pub fn execute_unprepared<Q, R>(self, _: Q) -> R
    where
        Self: ExecutesAQuery,
    {
        <Self as ExecutesAQuery>::any()
    }

    pub fn exec<Q, R>(self, _: Q) -> R
    where
        Self: ExecutesAQuery,
    {
        <Self as ExecutesAQuery>::any()
    }
}

#[diagnostic::on_unimplemented(
    message = "a session runs diesel's queries: the query stands in front, and takes the session",
    label = "write `query.load(db).await?`, or `query.first(db).await?` for one row",
    note = "write `users::table.find(id).first::<User>(db).await?` with `use diesel::prelude::*;` and `use diesel_async::RunQueryDsl;`",
    note = "for SQL as a text write `diesel::sql_query(\"SELECT …\").load::<User>(db).await?`"
)]
pub trait FetchesRows {
    fn any<R>() -> R;
}

#[doc(hidden)]
impl<F: SessionFactory> Session<F> {
    pub fn query<Q, R>(self, _: Q) -> R
    where
        Self: FetchesRows,
    {
        <Self as FetchesRows>::any()
    }

    pub fn query_one<Q, R>(self, _: Q) -> R
    where
        Self: FetchesRows,
    {
        <Self as FetchesRows>::any()
    }

    pub fn query_all<Q, R>(self, _: Q) -> R
    where
        Self: FetchesRows,
    {
        <Self as FetchesRows>::any()
    }

    pub fn query_opt<Q, R>(self, _: Q) -> R
    where
        Self: FetchesRows,
    {
        <Self as FetchesRows>::any()
    }

    pub fn fetch<Q, R>(self, _: Q) -> R
    where
        Self: FetchesRows,
    {
        <Self as FetchesRows>::any()
    }

    pub fn fetch_one<Q, R>(self, _: Q) -> R
    where
        Self: FetchesRows,
    {
        <Self as FetchesRows>::any()
    }

    pub fn fetch_all<Q, R>(self, _: Q) -> R
    where
        Self: FetchesRows,
    {
        <Self as FetchesRows>::any()
    }

    pub fn fetch_optional<Q, R>(self, _: Q) -> R
    where
        Self: FetchesRows,
    {
        <Self as FetchesRows>::any()
    }

    pub fn find<Q, R>(self, _: Q) -> R
    where
        Self: FetchesRows,
    {
        <Self as FetchesRows>::any()
    }

    pub fn find_all<Q, R>(self, _: Q) -> R
    where
        Self: FetchesRows,
    {
        <Self as FetchesRows>::any()
    }

    pub fn select<Q, R>(self, _: Q) -> R
    where
        Self: FetchesRows,
    {
        <Self as FetchesRows>::any()
    }

    pub fn query_as<Q, R>(self, _: Q) -> R
    where
        Self: FetchesRows,
    {
        <Self as FetchesRows>::any()
    }

    pub fn scalar<Q, R>(self, _: Q) -> R
    where
        Self: FetchesRows,
    {
        <Self as FetchesRows>::any()
    }

    pub fn scalars<Q, R>(self, _: Q) -> R
    where
        Self: FetchesRows,
    {
        <Self as FetchesRows>::any()
    }
}

#[diagnostic::on_unimplemented(
    message = "a session keeps no objects: a query writes when it is awaited",
    label = "write a query and `.execute(db).await?`",
    note = "write `diesel::insert_into(users::table).values(&user).execute(db).await?` with `use diesel_async::RunQueryDsl;`"
)]
pub trait KeepsObjects {
    fn any<R>() -> R;
}

#[doc(hidden)]
impl<F: SessionFactory> Session<F> {
    pub fn add<Q, R>(self, _: Q) -> R
    where
        Self: KeepsObjects,
    {
        <Self as KeepsObjects>::any()
    }

    pub fn persist<Q, R>(self, _: Q) -> R
    where
        Self: KeepsObjects,
    {
        <Self as KeepsObjects>::any()
    }
}

#[diagnostic::on_unimplemented(
    message = "a session keeps no objects: a query writes when it is awaited",
    label = "write a query and `.execute(db).await?`",
    note = "to insert write `diesel::insert_into(users::table).values(&user).execute(db).await?`",
    note = "to change write `diesel::update(users::table.find(id)).set(&user).execute(db).await?`, with `#[derive(AsChangeset)]`",
    note = "to delete write `diesel::delete(users::table.find(id)).execute(db).await?`"
)]
pub trait SavesObjects {
    fn any<R>() -> R;
}

#[doc(hidden)]
impl<F: SessionFactory> Session<F> {
    pub fn save<Q, R>(self, _: Q) -> R
    where
        Self: SavesObjects,
    {
        <Self as SavesObjects>::any()
    }

    pub fn insert<Q, R>(self, _: Q) -> R
    where
        Self: SavesObjects,
    {
        <Self as SavesObjects>::any()
    }

    pub fn update<Q, R>(self, _: Q) -> R
    where
        Self: SavesObjects,
    {
        <Self as SavesObjects>::any()
    }

    pub fn delete<Q, R>(self, _: Q) -> R
    where
        Self: SavesObjects,
    {
        <Self as SavesObjects>::any()
    }

    pub fn merge<Q, R>(self, _: Q) -> R
    where
        Self: SavesObjects,
    {
        <Self as SavesObjects>::any()
    }

    pub fn remove<Q, R>(self, _: Q) -> R
    where
        Self: SavesObjects,
    {
        <Self as SavesObjects>::any()
    }

    pub fn refresh<Q, R>(self, _: Q) -> R
    where
        Self: SavesObjects,
    {
        <Self as SavesObjects>::any()
    }
}

#[diagnostic::on_unimplemented(
    message = "a session has nothing to flush: a query writes when it is awaited",
    label = "remove this call",
    note = "to see what the database says about a write before the commit, await the write: `.execute(db).await?`"
)]
pub trait Flushes {
    fn any<R>() -> R;
}

#[doc(hidden)]
impl<F: SessionFactory> Session<F> {
    pub fn flush<R>(self) -> R
    where
        Self: Flushes,
    {
        <Self as Flushes>::any()
    }
}

#[diagnostic::on_unimplemented(
    message = "a session is a connection already",
    label = "remove this call, and use the session",
    note = "a session gives its connection back to the pool when it is dropped or closed",
    note = "for the backend's own connection, with the transaction begun, write `db.connection().await?`"
)]
pub trait AcquiresAConnection {
    fn any<R>() -> R;
}

#[doc(hidden)]
impl<F: SessionFactory> Session<F> {
    pub fn acquire<R>(self) -> R
    where
        Self: AcquiresAConnection,
    {
        <Self as AcquiresAConnection>::any()
    }

    pub fn get_connection<R>(self) -> R
    where
        Self: AcquiresAConnection,
    {
        <Self as AcquiresAConnection>::any()
    }

    pub fn release<R>(self) -> R
    where
        Self: AcquiresAConnection,
    {
        <Self as AcquiresAConnection>::any()
    }
}

#[diagnostic::on_unimplemented(
    message = "a factory gives sessions, each a connection with a transaction",
    label = "write `create_session()`",
    note = "write `let mut db = factory.create_session().await?;` and, at the end, `db.commit().await?`",
    note = "or run a body, which commits when it returns `Ok`: `factory.with_session(async |db| …).await`"
)]
pub trait GivesConnections {
    fn any<R>() -> R;
}

#[doc(hidden)]
impl<F: SessionFactory> Factory<F> {
    pub fn get<R>(self) -> R
    where
        Self: GivesConnections,
    {
        <Self as GivesConnections>::any()
    }

    pub fn acquire<R>(self) -> R
    where
        Self: GivesConnections,
    {
        <Self as GivesConnections>::any()
    }

    pub fn begin<R>(self) -> R
    where
        Self: GivesConnections,
    {
        <Self as GivesConnections>::any()
    }

    pub fn connect<R>(self) -> R
    where
        Self: GivesConnections,
    {
        <Self as GivesConnections>::any()
    }

    pub fn connection<R>(self) -> R
    where
        Self: GivesConnections,
    {
        <Self as GivesConnections>::any()
    }

    pub fn get_connection<R>(self) -> R
    where
        Self: GivesConnections,
    {
        <Self as GivesConnections>::any()
    }
}

#[diagnostic::on_unimplemented(
    message = "`session()` gives a builder, which opens its session for a body",
    label = "write `run(async |db| …)`",
    note = "write `AppDb::session().run(async |db| …).await` to run a body in a session with options",
    note = "write `AppDb::create_session().await` for a session that the caller commits"
)]
pub trait OpensWithoutABody {
    fn any<R>() -> R;
}

#[doc(hidden)]
impl<F: SessionFactory> SessionBuilder<F> {
    pub fn begin<R>(self) -> R
    where
        Self: OpensWithoutABody,
    {
        <Self as OpensWithoutABody>::any()
    }

    pub fn build<R>(self) -> R
    where
        Self: OpensWithoutABody,
    {
        <Self as OpensWithoutABody>::any()
    }

    pub fn open<R>(self) -> R
    where
        Self: OpensWithoutABody,
    {
        <Self as OpensWithoutABody>::any()
    }

    pub fn start<R>(self) -> R
    where
        Self: OpensWithoutABody,
    {
        <Self as OpensWithoutABody>::any()
    }

    pub fn create<R>(self) -> R
    where
        Self: OpensWithoutABody,
    {
        <Self as OpensWithoutABody>::any()
    }

    pub fn create_session<R>(self) -> R
    where
        Self: OpensWithoutABody,
    {
        <Self as OpensWithoutABody>::any()
    }

    pub fn commit<R>(self) -> R
    where
        Self: OpensWithoutABody,
    {
        <Self as OpensWithoutABody>::any()
    }

    pub fn rollback<R>(self) -> R
    where
        Self: OpensWithoutABody,
    {
        <Self as OpensWithoutABody>::any()
    }
}

#[diagnostic::on_unimplemented(
    message = "options stand in front of the body",
    label = "the body has been given already",
    note = "write `AppDb::session()`, the options and then `.run(async |db| …).await`"
)]
pub trait TakesOptionsBehindItsBody {
    fn any<R>() -> R;
}

#[doc(hidden)]
impl<T, E> Run<'_, T, E> {
    pub fn timeout<Q, R>(self, _: Q) -> R
    where
        Self: TakesOptionsBehindItsBody,
    {
        <Self as TakesOptionsBehindItsBody>::any()
    }

    pub fn retry<Q, R>(self, _: Q) -> R
    where
        Self: TakesOptionsBehindItsBody,
    {
        <Self as TakesOptionsBehindItsBody>::any()
    }

    pub fn isolation<Q, R>(self, _: Q) -> R
    where
        Self: TakesOptionsBehindItsBody,
    {
        <Self as TakesOptionsBehindItsBody>::any()
    }

    pub fn read_only<R>(self) -> R
    where
        Self: TakesOptionsBehindItsBody,
    {
        <Self as TakesOptionsBehindItsBody>::any()
    }

    pub fn deferrable<R>(self) -> R
    where
        Self: TakesOptionsBehindItsBody,
    {
        <Self as TakesOptionsBehindItsBody>::any()
    }

    pub fn immediate<R>(self) -> R
    where
        Self: TakesOptionsBehindItsBody,
    {
        <Self as TakesOptionsBehindItsBody>::any()
    }

    pub fn replica<Q, R>(self, _: Q) -> R
    where
        Self: TakesOptionsBehindItsBody,
    {
        <Self as TakesOptionsBehindItsBody>::any()
    }

    pub fn requires_new<R>(self) -> R
    where
        Self: TakesOptionsBehindItsBody,
    {
        <Self as TakesOptionsBehindItsBody>::any()
    }

    pub fn commit_on<Q, R>(self, _: Q) -> R
    where
        Self: TakesOptionsBehindItsBody,
    {
        <Self as TakesOptionsBehindItsBody>::any()
    }

    pub fn detach<R>(self) -> R
    where
        Self: TakesOptionsBehindItsBody,
    {
        <Self as TakesOptionsBehindItsBody>::any()
    }

    pub fn savepoint<R>(self) -> R
    where
        Self: TakesOptionsBehindItsBody,
    {
        <Self as TakesOptionsBehindItsBody>::any()
    }
}
