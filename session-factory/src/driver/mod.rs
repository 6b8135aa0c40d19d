//! The differences between databases, with one folder for each backend.
//!
//! The rest of the crate uses a database through [`Driver`] only. The trait is sealed, and may grow
//! in any release. It is public so that a bound can name it.

use std::borrow::Cow;
use std::future::Future;

use diesel::backend::Backend;

use crate::config::{Settings, UrlDialect};
use crate::error::ConnectError;
use crate::observe::{Endpoint, Quoting};

#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

mod connection;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
mod external_pool;
mod messages;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod raw_transaction;
pub(crate) mod savepoint_name;
mod support;
#[cfg(all(feature = "tls", any(feature = "postgres", feature = "mysql")))]
mod tls;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod transaction_end;
mod untyped;

pub use connection::DriverConnection;
pub(crate) use messages::{
    CommitOutcome, CommitSent, ExternalError, GoesTo, Kill, Last, Owner, Prelude, RecoveryOutcome,
    Reply, Running, TransactionStatus, as_conflict,
};
#[cfg(feature = "mysql")]
pub use mysql::{Mysql, TrackedMysqlConnection};
#[cfg(feature = "postgres")]
pub use postgres::Postgres;
#[cfg(all(feature = "postgres", feature = "testing"))]
pub(crate) use postgres::{SEQUENCES, VirtualServer};
#[cfg(feature = "sqlite")]
pub use sqlite::Sqlite;
pub use support::{
    SupportsCredentials, SupportsDeferrable, SupportsImmediate, SupportsIsolation, SupportsReplica,
};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) use transaction_end::TransactionEnd;
pub(crate) use untyped::Untyped;

pub(crate) use crate::call::TransactionOptions;
pub use crate::call::{Isolation, isolation};
pub(crate) use crate::config::OpenPermit;

/// diesel-async's connection for a backend, which [`Session::connection`](crate::Session::connection) returns.
#[doc(hidden)]
pub type RawConnection<D> = <<D as Driver>::Connection as DriverConnection>::Raw;

/// A database backend: `Postgres`, `Mysql` or `Sqlite`. Sealed: no other type can implement it, and
/// the types of its functions' parameters have no public names.
#[doc(hidden)]
pub trait Driver: UrlDialect + Sized + Send + Sync + 'static {
    /// diesel's backend.
    type Backend: Backend<QueryBuilder: Default> + Default;
    /// One open connection with what the driver knows about it. The pool holds these.
    type Connection: DriverConnection<Backend = Self::Backend>;
    /// An external pool, made with diesel-async's bb8 support.
    type ExternalPool: Clone + Send + Sync + 'static;

    /// True if the driver can end a running statement.
    const STOPS_STATEMENTS: bool = true;
    /// How the database quotes. Needed to remove the values from SQL texts that are observed.
    const QUOTING: Quoting;

    /// Returns the server, as spans and metrics name it.
    fn endpoint(settings: &Settings, connection: &Self::Connection) -> Endpoint;

    /// Returns the most connections that make sense for this database, if it has such a limit.
    fn connection_limit(_settings: &Settings) -> Option<u32> {
        None
    }

    /// Opens a connection and makes it ready.
    fn connect(
        settings: &Settings,
    ) -> impl Future<Output = Result<Self::Connection, ConnectError>> + Send;

    /// Returns the SQL that begins a transaction; empty if the first statement begins it.
    fn begin_sql(options: &TransactionOptions) -> Cow<'static, str>;

    /// Takes a connection out of the external pool.
    fn borrow_external(
        pool: &Self::ExternalPool,
    ) -> impl Future<Output = Result<Self::Connection, ExternalError>> + Send;

    /// Returns the external pool's figures: open, idle, limit.
    fn external_figures(pool: &Self::ExternalPool) -> (u32, u32, u32);
}
