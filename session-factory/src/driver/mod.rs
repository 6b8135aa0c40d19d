//! The differences between databases, with one folder for each backend.
//!
//! The rest of the crate uses a database through [`Driver`] only. The trait is sealed, and may grow
//! in any release. It is public so that a bound can name it.

use std::any::Any;
use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::connection::{
    CacheSize, DynInstrumentation, Instrumentation, get_default_instrumentation,
};
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::result::Error;
use diesel_async::AsyncConnection;
use futures_util::future::BoxFuture;
use futures_util::stream::Stream;

use crate::config::{Settings, UrlDialect};
use crate::error::{ConnectError, StatementError};

#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

mod messages;
pub(crate) mod savepoint_name;
mod support;
mod untyped;

pub(crate) use messages::{
    Ahead, CommitReply, CommitSent, ForeignError, GoesTo, Kill, Last, Owner, Recovered, Reply,
    Running, Watched, as_conflict,
};
#[cfg(feature = "mysql")]
pub use mysql::Mysql;
#[cfg(feature = "postgres")]
pub use postgres::Postgres;
#[cfg(feature = "sqlite")]
pub use sqlite::Sqlite;
pub use support::{
    SupportsCredentials, SupportsDeferrable, SupportsImmediate, SupportsIsolation, SupportsReplica,
};
pub(crate) use untyped::Untyped;

pub use crate::call::{Isolation, isolation};
pub(crate) use crate::call::{LogPosition, TransactionOptions};
pub(crate) use crate::config::OpenPermit;
pub(crate) use crate::observe::{Instrumented, Quoting, Relay, ServerErrors};

/// A database backend: `Postgres`, `Mysql` or `Sqlite`. Sealed: no other type can implement it, and
/// the types of its functions' parameters have no public names.
#[doc(hidden)]
pub trait Driver: UrlDialect + Sized + Send + Sync + 'static {
    /// diesel's backend.
    type Backend: Backend<QueryBuilder: Default> + Default;
    /// diesel-async's connection, which [`Session::connection`](crate::Session::connection)
    /// returns.
    type Connection: AsyncConnection<Backend = Self::Backend> + Send + 'static;
    /// One row of a result.
    type Row: for<'row> diesel::row::Row<'row, Self::Backend> + Send + 'static;
    /// A stream of rows.
    type Rows<'conn>: Stream<Item = QueryResult<Self::Row>> + Send + Unpin + 'conn;
    /// One open connection with what the driver knows about it. The pool holds these.
    type Link: Send + 'static;
    /// An external pool, made with diesel-async's bb8 support.
    type ForeignPool: Clone + Send + Sync + 'static;

    /// True if the driver can end a running statement.
    const STOPS_STATEMENTS: bool = true;

    /// The most connections that make sense for this database, if it has such a limit.
    fn connection_limit(_settings: &Settings) -> Option<u32> {
        None
    }

    /// Opens a connection and makes it ready.
    fn connect(
        settings: &Settings,
    ) -> impl Future<Output = Result<Self::Link, ConnectError>> + Send;

    /// The value that keeps the database alive while the pool has no open connection.
    fn anchor(_link: &Self::Link) -> Option<Arc<dyn Any + Send + Sync>> {
        None
    }

    /// Takes a connection out of the external pool.
    fn borrow_foreign(
        pool: &Self::ForeignPool,
    ) -> impl Future<Output = Result<Self::Link, ForeignError>> + Send;

    /// The external pool's figures: open, idle, limit.
    fn foreign_figures(pool: &Self::ForeignPool) -> (u32, u32, u32);

    /// The connection in the form that the application's code knows. `None` if
    /// [`enter_raw`](Self::enter_raw) has to convert it first.
    fn connection(link: &mut Self::Link) -> Option<&mut Self::Connection>;

    /// How the database quotes, for texts without values.
    const QUOTING: Quoting;

    /// What the server said last on this connection, for the code of an error that diesel reports without it.
    fn server_errors(_link: &mut Self::Link) -> Option<Arc<dyn ServerErrors>> {
        None
    }

    /// The observer of the connection's events.
    fn observer(link: &mut Self::Link) -> &mut Instrumented;

    /// diesel-async's own instrumentation. `None` while it cannot be reached.
    fn own_instrumentation(link: &mut Self::Link) -> Option<&mut dyn Instrumentation> {
        Self::connection(link).map(AsyncConnection::instrumentation)
    }

    /// Makes diesel-async's connection report to the observer, as soon as the connection can be reached.
    fn install(link: &mut Self::Link, relay: Relay) {
        if let Some(connection) = Self::connection(link) {
            connection.set_instrumentation(relay);
        }
    }

    /// Undoes [`install`](Self::install): the connection reports to `default`, if there is one.
    fn uninstall(link: &mut Self::Link, default: Option<Box<dyn Instrumentation>>) {
        if let Some(connection) = Self::connection(link) {
            connection.set_instrumentation(default);
        }
    }

    /// True for an external pool's connection.
    fn is_foreign(_link: &Self::Link) -> bool {
        false
    }

    /// Sets the application's instrumentation.
    fn set_instrumentation(link: &mut Self::Link, instrumentation: DynInstrumentation) {
        let relay = Self::observer(link).set(instrumentation);
        Self::install(link, relay);
    }

    /// Sets diesel's default instrumentation, with which every connection begins.
    fn restore_instrumentation(link: &mut Self::Link) {
        match get_default_instrumentation() {
            Some(default) if !Self::is_foreign(link) => {
                Self::set_instrumentation(link, default.into());
            }
            default => {
                let foreign = Self::is_foreign(link);
                Self::observer(link).clear(foreign);
                Self::uninstall(link, default);
            }
        }
    }

    /// Sets the statement cache's size.
    fn set_cache(link: &mut Self::Link, size: CacheSize) {
        if let Some(connection) = Self::connection(link) {
            connection.set_prepared_statement_cache_size(size);
        }
    }

    /// The statement cache's size that each borrower finds.
    fn cache(_link: &Self::Link) -> CacheSize {
        CacheSize::Unbounded
    }

    /// True if the driver knows, without asking the server, that the connection is unusable.
    fn is_closed(link: &Self::Link) -> bool;

    /// Ends the connection while its session still uses it: cancels the statement and closes the connection.
    fn kill(_link: &Self::Link) -> Option<Kill> {
        None
    }

    /// Prevents the pool from lending the connection again: it is closed when it is dropped.
    fn condemn(link: &mut Self::Link);

    /// One round trip that proves the connection alive.
    fn ping(link: &mut Self::Link) -> impl Future<Output = Result<(), StatementError>> + Send;

    /// The SQL that begins a transaction; empty if the first statement begins it.
    fn begin_sql(options: &TransactionOptions) -> Cow<'static, str>;

    /// Runs a query after its prelude `ahead`, in the same round trip if that is safe. The first
    /// poll sends both. The query is not `Send`, so this function splits it at once, and the future
    /// owns its SQL and binds.
    fn load<'conn>(
        link: &'conn mut Self::Link,
        ahead: Ahead,
        query: Untyped<'_, Self::Backend>,
    ) -> BoxFuture<'conn, Reply<Self::Rows<'conn>>>;

    /// [`load`](Self::load) for a statement that returns a row count.
    fn execute<'conn>(
        link: &'conn mut Self::Link,
        ahead: Ahead,
        query: Untyped<'_, Self::Backend>,
    ) -> BoxFuture<'conn, Reply<usize>>;

    /// [`load`](Self::load) for SQL of one or several statements, without rows.
    fn batch(link: &mut Self::Link, ahead: Ahead, sql: String) -> BoxFuture<'_, Reply<()>>;

    /// Forgets earlier transactions. The session calls it when one begins.
    fn begin_watch(link: &mut Self::Link);

    /// What the driver knows about the transaction since [`begin_watch`](Self::begin_watch).
    fn watch(link: &mut Self::Link) -> Watched;

    /// Asks the database whether the transaction is still the one that the session began. The session calls it when
    /// [`watch`](Self::watch) is in doubt; a later `watch` uses the answer.
    fn ask(_link: &mut Self::Link) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// True if a statement in the current transaction met a serialization failure, a deadlock or a busy database,
    /// whether the session or the body's raw connection sent it.
    fn met_conflict(_link: &mut Self::Link) -> bool {
        false
    }

    /// True if the driver saw a statement in the current transaction change rows.
    fn has_written(_link: &mut Self::Link) -> bool {
        false
    }

    /// True if the driver sees which statements change rows. Otherwise the session has only the statements' counts.
    fn sees_writes(_link: &Self::Link) -> bool {
        false
    }

    /// True if the caller need not wait for this transaction's COMMIT: the transaction, begun with `options`, has only
    /// read, the server has answered everything, and COMMIT cannot fail.
    fn commits_silently(_link: &mut Self::Link, _options: &TransactionOptions) -> bool {
        false
    }

    /// Call before the body gets the raw connection. Enters the open transaction into the connection's own
    /// transaction manager, so that `transaction()` on it makes a savepoint.
    fn enter_raw(link: &mut Self::Link) -> impl Future<Output = QueryResult<()>> + Send;

    /// Call before [`watch`](Self::watch) after the body had the raw connection, for drivers that do not see its
    /// statements as they run.
    fn leave_raw(_link: &mut Self::Link) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Sends COMMIT and returns its outcome.
    fn commit(link: &mut Self::Link) -> impl Future<Output = CommitReply> + Send;

    /// Commits what [commits silently](Self::commits_silently) without a waiting caller, and passes the connection's
    /// owner and the outcome to `over`.
    ///
    /// # Errors
    /// `owner` and `over`, if the caller has to await [`commit`](Self::commit) instead.
    fn commit_unattended<O, E>(owner: O, over: E) -> Result<(), (O, E)>
    where
        O: Owner<Self::Link> + Send + 'static,
        E: FnOnce(O, bool) + Send + 'static,
    {
        Err((owner, over))
    }

    /// Runs a statement and then COMMIT, in the same round trip if that is safe. The driver sets
    /// `sent` when COMMIT is sent. If the statement fails, COMMIT keeps nothing.
    fn execute_and_commit<T>(
        link: &mut Self::Link,
        ahead: Ahead,
        source: T,
        sent: CommitSent,
    ) -> impl Future<Output = Last> + Send
    where
        T: QueryFragment<Self::Backend> + QueryId + Send;

    /// The log position of the session's last COMMIT, if the settings name a replica.
    fn committed_at(_link: &mut Self::Link) -> Option<LogPosition> {
        None
    }

    /// True if the body, and not the session, committed the last transaction.
    fn was_committed_by_body(_link: &mut Self::Link) -> bool {
        false
    }

    /// On a connection to a replica: waits until it has replayed the log up to a position. False if the time runs out
    /// first. If the future is dropped half-way, a query stays under way.
    fn has_replayed(
        _link: &mut Self::Link,
        _position: LogPosition,
        _patience: Duration,
    ) -> impl Future<Output = Result<bool, StatementError>> + Send {
        std::future::ready(Ok(false))
    }

    /// Rolls the whole transaction back.
    fn rollback(link: &mut Self::Link) -> impl Future<Output = Result<(), StatementError>> + Send;

    /// Recovers a dropped session's connection: cancels the statement, rolls back, checks. On a lost connection it
    /// still cancels what the server may be running.
    fn recover(
        link: &mut Self::Link,
        running: Running,
        goes_to: GoesTo,
        deadline: Instant,
    ) -> impl Future<Output = Recovered> + Send;

    /// True if the session changed something that outlives its transaction. The pool then calls
    /// [`reset`](Self::reset) before the next borrower.
    fn needs_reset(link: &Self::Link) -> bool;

    /// True if, as far as the driver sees, the server has answered everything and no transaction is open. On a lost
    /// connection: true if the server runs nothing for it any more.
    fn at_rest(_link: &Self::Link) -> bool {
        true
    }

    /// True if nothing sent for this session, such as a cancel request, can hit the next session's statements.
    fn is_lendable(_link: &Self::Link) -> bool {
        true
    }

    /// True if a pooler is between the client and the server.
    fn is_pooled(_link: &Self::Link) -> bool {
        false
    }

    /// Resets the session. False if that failed and the pool has to close the connection.
    fn reset(link: &mut Self::Link) -> impl Future<Output = bool> + Send;

    /// Adds what the driver knows (SQLSTATE) to an error that diesel reported.
    fn explain(link: &Self::Link, error: &Error) -> StatementError;
}
