//! What differs between the kinds of servers.

use std::fmt::{Debug, Display};
use std::future::Future;
use std::net::SocketAddr;

use rustix::process::Signal;
use tokio::sync::OnceCell;

use super::{Admin, Builder, Data, Endpoint, Server};
use crate::Error;

/// A query's rows, each value as text.
pub type Rows = Vec<Vec<Option<String>>>;

/// A shared server, and the process that keeps it running if this process started it.
pub type Shared<K> = OnceCell<Result<(Endpoint<K>, Option<Server<K>>), Error>>;

/// A kind of server: its programs, its client, its SQL.
pub trait Kind: Copy + Eq + Debug + Send + Sync + 'static {
    /// The product's name in messages.
    const NAME: &'static str;
    /// The scheme of a database's URL.
    const SCHEME: &'static str;
    /// The variable in which `cargo xtask test` passes the address of the run's server: `HOST:PORT`, or
    /// `unavailable: ` and the reason.
    const VARIABLE: &'static str;
    /// The accounts, besides this process's own, that may run the server.
    const USERS: &'static [&'static str];
    /// The beginning of the names of servers' folders.
    const FOLDER: &'static str;
    /// The database that the whole server's administrator connects to.
    const WHOLE: Option<&'static str>;
    /// The signal after which the server rolls open transactions back, closes its connections and ends.
    const STOP: Signal;
    /// What the server logs when another process has its port.
    const PORT_IS_TAKEN: &'static str;
    /// What the server logs when it can start a moment later on the same port.
    const START_LATER: Option<&'static str>;

    /// The server's programs.
    type Binaries: Debug + Send + Sync + 'static;
    /// Settings that only this kind has.
    type Options: Clone + Debug + Default + Send + 'static;
    /// A connection.
    type Client: Debug + Send + 'static;
    /// A connection's error.
    type Error: Display + Send + 'static;

    /// Finds the server's programs, or installs them if possible (root on Debian).
    ///
    /// # Errors
    /// A text that says what to install.
    fn find_or_install() -> Result<Self::Binaries, Error>;

    /// The version that the server's program prints.
    ///
    /// # Errors
    /// If the program cannot be run.
    fn version(binaries: &Self::Binaries) -> Result<String, Error>;

    /// Fills a server's empty folder.
    ///
    /// # Errors
    /// What the server's program said.
    fn fill(data: &Data<Self>, builder: &Builder<Self>) -> Result<(), Error>;

    /// The command that runs the server on a port.
    fn command(data: &Data<Self>, port: u16) -> Vec<String>;

    /// Does what a server needs after its first start.
    fn prepare(
        admin: Admin<Self>,
        max_connections: u32,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Opens an administrator's connection.
    fn connect(
        address: SocketAddr,
        database: Option<&str>,
    ) -> impl Future<Output = Result<Self::Client, Self::Error>> + Send;

    /// Runs statements and returns their rows.
    fn query(
        client: &mut Self::Client,
        sql: &str,
    ) -> impl Future<Output = Result<Rows, Self::Error>> + Send;

    /// True if the connection is lost.
    fn is_lost(client: &Self::Client, error: &Self::Error) -> bool;

    /// The server's own message.
    fn describe(error: &Self::Error) -> String;

    /// The SQL that creates an empty database.
    fn create(name: &str) -> String;

    /// The SQL that runs statements as the owner of a database.
    fn as_owner(sql: &str) -> String;

    /// Drops a database, even if clients are connected.
    fn drop(admin: Admin<Self>, name: String) -> impl Future<Output = ()> + Send;

    /// Where the server that all tests of a run share is kept.
    fn shared() -> &'static Shared<Self>;
}
