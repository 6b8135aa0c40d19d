//! Helpers for the tests of TLS.

use std::ops::Deref;
use std::path::Path;

use session_factory::{ConnectErrorKind, Factory, SessionError};
use testbed::certificates::{Authority, Certificate};
use testbed::postgres::{Database, Server, Tls};
use tokio::sync::OnceCell;

use crate::connect::{ask, connect_error, one_connection};
use crate::{PgBed, PgDb, PgDbConfig, create_items};

/// The outcome of an attempt to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Plain,
    Encrypted,
    Refused(ConnectErrorKind),
}

/// True if the server says that the connection is encrypted.
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

/// The database's URL with the host name `localhost`.
pub fn url(database: &Database, user: &str, query: &str) -> String {
    let (port, name) = (database.endpoint().address().port(), database.name());
    format!("postgres://{user}@localhost:{port}/{name}?{query}")
}

/// A parameter that names a file.
pub fn file(name: &str, path: &Path) -> String {
    format!("&{name}={}", path.display())
}

/// A server's TLS settings that consist of a certificate only.
pub fn with(certificate: &Certificate) -> Tls<'_> {
    Tls {
        certificate: Some(certificate),
        ..Tls::default()
    }
}

/// A server that requires TLS, a database on it, and the parameters that a URL needs.
pub async fn encrypted_only() -> (Server, Database, String) {
    let (server, query) = encrypted_server().await;
    let database = server.database().await;
    create_items(&database).await;
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
    // Each connection reads the file, so it must outlive this function.
    std::fs::copy(authority.file(), root_of(&server)).unwrap();
    let query = format!(
        "sslmode=verify-full{}",
        file("sslrootcert", &root_of(&server))
    );
    (server, query)
}

/// A PostgreSQL database for one test, on a server that requires TLS.
pub struct TlsBed(PgBed);

impl TlsBed {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut PgDbConfig)) -> Self {
        // All tests of the process share one server.
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

/// The file of the authority of [`encrypted_only`].
pub fn root_of(server: &Server) -> std::path::PathBuf {
    server.folder().join("authority.pem")
}
