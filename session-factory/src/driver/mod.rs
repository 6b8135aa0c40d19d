//! What differs between databases, and only that: one folder for each backend.
//!
//! The rest of the crate knows a database through [`Driver`] alone. The trait is sealed, and may grow in any release. It is
//! public so that a bound can name it.

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
pub(crate) use crate::observe::{Observer, Relay};

/// A database backend: `Postgres`, `Mysql` or `Sqlite`. Sealed: no other type can implement it, and what its functions take
/// has no public name.
#[doc(hidden)]
pub trait Driver: UrlDialect + Sized + Send + Sync + 'static {
    /// diesel's backend.
    type Backend: Backend<QueryBuilder: Default> + Default;
    /// diesel-async's connection: what [`Session::connection`](crate::Session::connection) gives.
    type Connection: AsyncConnection<Backend = Self::Backend> + Send + 'static;
    /// One row of a result.
    type Row: for<'row> diesel::row::Row<'row, Self::Backend> + Send + 'static;
    /// Rows one by one.
    type Rows<'conn>: Stream<Item = QueryResult<Self::Row>> + Send + Unpin + 'conn;
    /// One open connection with what the driver knows about it: what the pool holds.
    type Link: Send + 'static;
    /// A pool the application made by itself with diesel-async's bb8 support.
    type ForeignPool: Clone + Send + Sync + 'static;

    /// Whether a statement can be ended while it runs.
    const STOPS_STATEMENTS: bool = true;

    /// The most connections that make sense for this database, if it has such a limit.
    fn connection_limit(_settings: &Settings) -> Option<u32> {
        None
    }

    /// Opens a connection and makes it ready.
    fn connect(
        settings: &Settings,
    ) -> impl Future<Output = Result<Self::Link, ConnectError>> + Send;

    /// What the connection's database needs to live on when all of the pool's connections are closed.
    fn anchor(_link: &Self::Link) -> Option<Arc<dyn Any + Send + Sync>> {
        None
    }

    /// Takes a connection out of the application's pool.
    fn borrow_foreign(
        pool: &Self::ForeignPool,
    ) -> impl Future<Output = Result<Self::Link, ForeignError>> + Send;

    /// Figures of the application's pool: open, idle, limit.
    fn foreign_figures(pool: &Self::ForeignPool) -> (u32, u32, u32);

    /// The connection in the form that the application's code knows. None where
    /// [`enter_raw`](Self::enter_raw) has to make it that first.
    fn connection(link: &mut Self::Link) -> Option<&mut Self::Connection>;

    /// Who listens on the connection.
    fn observer(link: &mut Self::Link) -> &mut Observer;

    /// The instrumentation that diesel-async itself has. None while it cannot be reached.
    fn own_instrumentation(link: &mut Self::Link) -> Option<&mut dyn Instrumentation> {
        Self::connection(link).map(AsyncConnection::instrumentation)
    }

    /// Has diesel-async's connection report to the observer, as soon as it can be reached.
    fn install(link: &mut Self::Link, relay: Relay) {
        if let Some(connection) = Self::connection(link) {
            connection.set_instrumentation(relay);
        }
    }

    /// Takes that back: it reports to `default`, if to anybody.
    fn uninstall(link: &mut Self::Link, default: Option<Box<dyn Instrumentation>>) {
        if let Some(connection) = Self::connection(link) {
            connection.set_instrumentation(default);
        }
    }

    /// The connection is the application's pool's.
    fn is_foreign(_link: &Self::Link) -> bool {
        false
    }

    /// Sets the application's instrumentation.
    fn set_instrumentation(link: &mut Self::Link, instrumentation: DynInstrumentation) {
        let relay = Self::observer(link).set(instrumentation);
        Self::install(link, relay);
    }

    /// Sets the one that every connection begins with.
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

    /// Sets the size of the cache of prepared statements.
    fn set_cache(link: &mut Self::Link, size: CacheSize) {
        if let Some(connection) = Self::connection(link) {
            connection.set_prepared_statement_cache_size(size);
        }
    }

    /// The cache of prepared statements that a borrower finds.
    fn cache(_link: &Self::Link) -> CacheSize {
        CacheSize::Unbounded
    }

    /// Known to be unusable, without asking the server.
    fn is_closed(link: &Self::Link) -> bool;

    /// A way to end the connection from outside of its session: cancels what runs and closes.
    fn kill(_link: &Self::Link) -> Option<Kill> {
        None
    }

    /// Makes sure that the connection is never handed out again: it is closed when it is dropped.
    fn condemn(link: &mut Self::Link);

    /// One round trip that proves the connection alive.
    fn ping(link: &mut Self::Link) -> impl Future<Output = Result<(), StatementError>> + Send;

    /// The text that begins a transaction; empty where the first statement does so by itself.
    fn begin_sql(options: &TransactionOptions) -> Cow<'static, str>;

    /// Runs a query, with `ahead` sent before it in the same round trip where that is safe. Nothing is
    /// sent before the first poll. The query is not `Send`: it is taken apart here, and the future holds its SQL and
    /// its binds.
    fn load<'conn>(
        link: &'conn mut Self::Link,
        ahead: Ahead,
        query: Untyped<'_, Self::Backend>,
    ) -> BoxFuture<'conn, Reply<Self::Rows<'conn>>>;

    /// The same for a statement that returns a count.
    fn execute<'conn>(
        link: &'conn mut Self::Link,
        ahead: Ahead,
        query: Untyped<'_, Self::Backend>,
    ) -> BoxFuture<'conn, Reply<usize>>;

    /// The same for a text of one or several statements.
    fn batch(link: &mut Self::Link, ahead: Ahead, sql: String) -> BoxFuture<'_, Reply<()>>;

    /// Forgets what was seen of earlier transactions: called when one begins.
    fn begin_watch(link: &mut Self::Link);

    /// What is known about the transaction that [`begin_watch`](Self::begin_watch) started.
    fn watch(link: &mut Self::Link) -> Watched;

    /// Asks the database whether the transaction is still the one that the session began. Called where
    /// [`watch`](Self::watch) says that it may not be; it knows more afterwards.
    fn ask(_link: &mut Self::Link) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// A statement of the current transaction met a serialization failure, a deadlock or a busy database:
    /// as the driver saw it, whoever sent the statement.
    fn met_conflict(_link: &mut Self::Link) -> bool {
        false
    }

    /// A statement of the current transaction changed rows, as the driver saw it.
    fn has_written(_link: &mut Self::Link) -> bool {
        false
    }

    /// The driver sees which statements change rows: the count that a statement gives is not all that is known.
    fn sees_writes(_link: &Self::Link) -> bool {
        false
    }

    /// COMMIT of this transaction, which began with `options`, has nothing to say that its caller has to
    /// hear: all it did was to read, everything is answered, and the end cannot fail.
    fn commits_silently(_link: &mut Self::Link, _options: &TransactionOptions) -> bool {
        false
    }

    /// Before the raw connection is handed out: enters the open transaction into its own bookkeeping, so
    /// that a `transaction()` on it is a savepoint.
    fn enter_raw(link: &mut Self::Link) -> impl Future<Output = QueryResult<()>> + Send;

    /// Before [`watch`](Self::watch) is asked what the body did on the raw connection, where that is not seen while it
    /// happens.
    fn leave_raw(_link: &mut Self::Link) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// COMMIT, and what the server made of it.
    fn commit(link: &mut Self::Link) -> impl Future<Output = CommitReply> + Send;

    /// Commits what [commits silently](Self::commits_silently) with nobody waiting, and gives the link's owner to
    /// `over` with what came of it. Both come back where somebody has to await [`commit`](Self::commit).
    ///
    /// # Errors
    /// The two of them.
    fn commit_unattended<O, E>(owner: O, over: E) -> Result<(), (O, E)>
    where
        O: Owner<Self::Link> + Send + 'static,
        E: FnOnce(O, bool) + Send + 'static,
    {
        Err((owner, over))
    }

    /// Runs a statement with COMMIT behind it, in the same round trip where that is safe. `sent` is told
    /// when COMMIT is on its way. When the statement fails, COMMIT keeps nothing.
    fn execute_and_commit<T>(
        link: &mut Self::Link,
        ahead: Ahead,
        source: T,
        sent: CommitSent,
    ) -> impl Future<Output = Last> + Send
    where
        T: QueryFragment<Self::Backend> + QueryId + Send;

    /// Where in the log the last COMMIT of ours is, where the settings name a replica.
    fn committed_at(_link: &mut Self::Link) -> Option<LogPosition> {
        None
    }

    /// The last transaction was committed, and not by a COMMIT of ours: the body did it.
    fn was_committed_by_body(_link: &mut Self::Link) -> bool {
        false
    }

    /// Of a connection to a replica: waits until it has replayed the log up to there. False when it has
    /// not in time. Dropped half-way, it leaves a question under way.
    fn has_replayed(
        _link: &mut Self::Link,
        _position: LogPosition,
        _patience: Duration,
    ) -> impl Future<Output = Result<bool, StatementError>> + Send {
        std::future::ready(Ok(false))
    }

    /// ROLLBACK of the whole transaction.
    fn rollback(link: &mut Self::Link) -> impl Future<Output = Result<(), StatementError>> + Send;

    /// Ends what a dropped session left behind: cancels what runs, rolls back, checks. On a connection that is
    /// lost, what the server may still be running for it is cancelled all the same.
    fn recover(
        link: &mut Self::Link,
        running: Running,
        goes_to: GoesTo,
        deadline: Instant,
    ) -> impl Future<Output = Recovered> + Send;

    /// The session changed something that outlives its transaction; put it back before the next
    /// borrower. Not called (and costs nothing) when `needs_reset` is false.
    fn needs_reset(link: &Self::Link) -> bool;

    /// Everything that was sent is answered and no transaction is open, as far as the driver can see. Of a
    /// connection that is lost: the server has nothing left to do for it.
    fn at_rest(_link: &Self::Link) -> bool {
        true
    }

    /// What was sent for this session cannot reach the next one's work.
    fn is_lendable(_link: &Self::Link) -> bool {
        true
    }

    /// A pooler stands between this side and the server.
    fn is_pooled(_link: &Self::Link) -> bool {
        false
    }

    /// Puts session settings back. False when that failed and the connection must be closed.
    fn reset(link: &mut Self::Link) -> impl Future<Output = bool> + Send;

    /// Adds what the driver knows (SQLSTATE) to an error that diesel reported.
    fn explain(link: &Self::Link, error: &Error) -> StatementError;
}
