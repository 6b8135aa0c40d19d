//! What the tests of TLS share.

use std::ops::Deref;
use std::path::Path;

use session_factory::{ConnectErrorKind, Factory, SessionError};
use testbed::certificates::{Authority, Certificate};
use testbed::postgres::{Database, Server, Tls};
use tokio::sync::OnceCell;

use crate::connect::{ask, connect_error, one_connection};
use crate::{ITEMS, PgBed, PgDb, PgDbConfig};

/// How an attempt to connect ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Plain,
    Encrypted,
    Refused(ConnectErrorKind),
}

/// Whether the server says that the connection is encrypted.
pub async fn is_encrypted(factory: &Factory<PgDb>) -> Result<bool, SessionError> {
    let own = "(SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid())";
    Ok(ask(factory, own).await? == "true")
}

pub async fn outcome(url: &str) -> Outcome {
    match is_encrypted(&one_connection(url)).await {
        Ok(true) => Outcome::Encrypted,
        Ok(false) => Outcome::Plain,
        Err(error) => Outcome::Refused(connect_error(&error).kind()),
    }
}

/// The database under the host name `localhost`.
pub fn url(database: &Database, user: &str, query: &str) -> String {
    let (port, name) = (database.endpoint().address().port(), database.name());
    format!("postgres://{user}@localhost:{port}/{name}?{query}")
}

/// A parameter that names a file.
pub fn file(name: &str, path: &Path) -> String {
    format!("&{name}={}", path.display())
}

/// A server's certificate, and nothing more.
pub fn with(certificate: &Certificate) -> Tls<'_> {
    Tls {
        certificate: Some(certificate),
        ..Tls::default()
    }
}

/// A server that lets nobody in without TLS, a database on it, and the parameters to be let in.
pub async fn encrypted_only() -> (Server, Database, String) {
    let (server, query) = encrypted_server().await;
    let database = server.database().await;
    database.execute(ITEMS).await;
    (server, database, query)
}

async fn encrypted_server() -> (Server, String) {
    let authority = Authority::new();
    let certificate = authority.issue("localhost");
    let server = Server::start().await;
    server
        .set_tls(Tls {
            required: true,
            ..with(&certificate)
        })
        .await;
    // It is read for each connection, and so has to outlive this function.
    std::fs::copy(authority.file(), root_of(&server)).unwrap();
    let query = format!(
        "sslmode=verify-full{}",
        file("sslrootcert", &root_of(&server))
    );
    (server, query)
}

/// A PostgreSQL database of the test's own, on a server that lets nobody in without TLS.
pub struct TlsBed(PgBed);

impl TlsBed {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut PgDbConfig)) -> Self {
        // One for all tests of the process.
        static SERVER: OnceCell<(Server, String)> = OnceCell::const_new();
        let (server, query) = SERVER.get_or_init(encrypted_server).await;
        let database = server.database().await;
        let url = url(&database, "app", query);
        Self(PgBed::make(database, &url, None, change).await)
    }
}

impl Deref for TlsBed {
    type Target = PgBed;

    fn deref(&self) -> &PgBed {
        &self.0
    }
}

/// The authority of [`encrypted_only`].
pub fn root_of(server: &Server) -> std::path::PathBuf {
    server.folder().join("authority.pem")
}
