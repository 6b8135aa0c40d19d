//! What differs between databases when tests get their own.

use std::sync::Arc;

use crate::call::VirtualSessions;
use crate::config::Settings;
use crate::driver::Driver;
use crate::error::{ConnectError, StatementError};

/// Why a test could not get its database, in words.
pub(super) type Setup<T> = Result<T, String>;

/// A backend on which tests run.
#[doc(hidden)]
pub trait Tested: Driver {
    /// The databases of one server, or the files of one folder.
    type Databases: Databases;

    /// What the database says when it refuses COMMIT because of another transaction.
    fn conflict() -> StatementError;
}

/// The databases of a factory's backend.
pub(super) type DatabasesOf<F> =
    <<F as crate::factory::SessionFactory>::Driver as Tested>::Databases;

/// A database that belongs to the tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub(super) name: String,
    /// What [`Databases::note`] wrote.
    pub(super) note: Option<String>,
}

/// One connection to the server that has the tests' databases, or the folder that has them. The locks that it takes end
/// with it, however it ends.
#[doc(hidden)]
#[allow(private_interfaces)] // the crate's own
pub trait Databases: Sized + Send + 'static {
    /// True if a copy costs less than the fixtures, and [`rename`](Self::rename) works. Otherwise the fixtures run again
    /// for each test.
    const COPIES: bool;

    /// True if a copy takes so long that it is made ahead, while the test before runs.
    const SPARES: bool = false;

    /// True if there is no server: the databases are files, wherever the factory's URL leads.
    const IS_FILE: bool = false;

    /// True if tests can be rolled back.
    const ROLLS_BACK: bool = false;

    /// Begins the transaction in which a test runs, in this database. Returns the URL at which the test finds it.
    /// `sequences` is what [`describe`](Self::describe) said of the template.
    fn roll(
        &mut self,
        _settings: &Settings,
        _name: &str,
        _sequences: &str,
        _test: Arc<VirtualSessions>,
    ) -> impl Future<Output = Setup<String>> + Send {
        std::future::ready(Err("tests cannot be rolled back here".to_owned()))
    }

    /// Rolls that transaction back. True if the database is as it was.
    fn roll_back(&mut self) -> impl Future<Output = bool> + Send {
        std::future::ready(false)
    }

    /// Closes the connection that [`roll`](Self::roll) has left open.
    fn let_go(&mut self) {}

    /// What a template's note says in its second line: how to put sequences back.
    fn describe(_settings: &Settings) -> impl Future<Output = Setup<String>> + Send {
        std::future::ready(Ok(String::new()))
    }

    /// Connects.
    fn open(settings: &Settings) -> impl Future<Output = Result<Self, OpenError>> + Send;

    /// The server's version and what else a template depends on.
    fn version(&mut self) -> impl Future<Output = Setup<String>> + Send;

    /// Every database whose name begins with `sf_`.
    fn list(&mut self) -> impl Future<Output = Setup<Vec<Found>>> + Send;

    /// Takes the lock of that name, unless somebody has it.
    fn try_lock(&mut self, name: &str) -> impl Future<Output = Setup<bool>> + Send;

    /// Gives a lock back.
    fn unlock(&mut self, name: &str) -> impl Future<Output = Setup<()>> + Send;

    /// Ends all connections to a database.
    fn disconnect(&mut self, name: &str) -> impl Future<Output = Setup<()>> + Send;

    /// Creates a database: an empty one, or a copy of one that nobody is connected to.
    fn create(
        &mut self,
        name: &str,
        template: Option<&str>,
    ) -> impl Future<Output = Setup<()>> + Send;

    /// Writes a note on a database, which replaces the one before.
    fn note(&mut self, name: &str, note: &str) -> impl Future<Output = Setup<()>> + Send;

    /// Gives a database another name. Nobody may be connected to it.
    fn rename(&mut self, from: &str, to: &str) -> impl Future<Output = Setup<()>> + Send;

    /// Drops a database, whoever is connected to it.
    fn drop(&mut self, name: &str) -> impl Future<Output = Setup<()>> + Send;

    /// Runs statements on one of the databases, outside of any transaction.
    fn run(settings: &Settings, sql: &str) -> impl Future<Output = Setup<()>> + Send;

    /// The URL of one of the databases, from the URL of the server.
    fn url(server: &str, name: &str) -> String;

    /// The same without a password, for messages.
    fn shown(server: &str, name: &str) -> String;
}

/// Why there is no connection to the server.
#[derive(Debug)]
pub struct OpenError(pub(super) String);

impl From<ConnectError> for OpenError {
    fn from(error: ConnectError) -> Self {
        Self(error.to_string())
    }
}

/// Opens a connection of the driver, outside of any pool.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(super) async fn connect<D: Driver>(settings: &Settings) -> Result<D::Connection, OpenError> {
    let opening = tokio::time::timeout(settings.connect_timeout, D::connect(settings));
    match crate::runtime::within(opening).await? {
        Ok(opened) => Ok(opened?),
        Err(_late) => Err(OpenError(format!(
            "{} did not answer within {}",
            D::NAME,
            crate::time::text(settings.connect_timeout)
        ))),
    }
}

/// Converts the connection that [`connect`] opened to diesel-async's type.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(super) fn raw<C: crate::driver::DriverConnection>(connection: &mut C) -> Setup<&mut C::Raw> {
    connection
        .raw()
        .ok_or_else(|| "the connection is in use".to_owned())
}

/// The URL of another database on the same server: the path is replaced, and `parameter` is taken out of the query.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(super) fn with_database(authority: &str, query: &str, parameter: &str, name: &str) -> String {
    let rest: Vec<_> = query
        .split('&')
        .filter(|pair| !pair.is_empty() && pair.split('=').next() != Some(parameter))
        .collect();
    let query = if rest.is_empty() {
        String::new()
    } else {
        format!("?{}", rest.join("&"))
    };
    format!("{authority}/{name}{query}")
}

/// User and hosts, without the password.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(super) fn without_password(authority: &str) -> String {
    match authority.rsplit_once('@') {
        Some((login, hosts)) => {
            let user = login.split(':').next().unwrap_or_default();
            format!("{user}@{hosts}")
        }
        None => authority.to_owned(),
    }
}
