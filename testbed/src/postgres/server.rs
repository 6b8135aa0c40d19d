//! A private server that one test starts, stops, kills and restarts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::process::{self, Process, Spec};
use crate::{Error, background};

use super::admin::{Admin, describe};
use super::builder::{Builder, Data};
use super::database::Database;
use super::endpoint::Endpoint;
use super::tls::Tls;

/// A private PostgreSQL server. Dropping it stops the server and removes its folder, even if a test
/// panics. If the test's process is killed, the supervisor does the same.
///
/// Its port stays the same over restarts.
#[derive(Clone, Debug)]
pub struct Server {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    // Declared before the folder, so that the server stops before its data are removed.
    running: Mutex<Running>,
    data: Data,
}

#[derive(Debug)]
struct Running {
    process: Option<Process>,
    address: SocketAddr,
}

/// How long a server may take to answer or to end. Ample, so that a slow machine fails no test.
const LIMIT: Duration = Duration::from_secs(60);

impl Server {
    /// Starts a server with the default settings.
    ///
    /// # Panics
    /// If the server cannot be found, installed or started. The text says why.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// The settings of a server to start.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(data: Data) -> Self {
        let running = Running {
            process: None,
            address: Data::free_address(),
        };
        Self {
            inner: Arc::new(Inner {
                running: Mutex::new(running),
                data,
            }),
        }
    }

    /// The server's address.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::new(self.inner.running().address)
    }

    /// Host and port, for a [`Proxy`](crate::Proxy).
    pub fn address(&self) -> SocketAddr {
        self.endpoint().address()
    }

    /// A fresh, empty database.
    pub async fn database(&self) -> Database {
        self.endpoint().database().await
    }

    /// An administrator of the whole server.
    pub fn admin(&self) -> Admin {
        self.endpoint().admin()
    }

    /// True if both handles are of the same server.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    pub(super) fn data(&self) -> &Data {
        &self.inner.data
    }

    /// The server's log file.
    pub fn log(&self) -> PathBuf {
        self.inner.data.log()
    }

    /// The server's data folder.
    pub fn folder(&self) -> PathBuf {
        self.inner.data.data()
    }

    /// The version that `postgres --version` prints.
    pub fn version(&self) -> String {
        self.inner
            .data
            .binaries
            .version()
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Stops the server in order: it rolls open transactions back and tells its clients.
    pub async fn stop(&self) {
        self.end(|process| process.signal(Signal::INT)).await;
    }

    /// Kills the server and all its backends with SIGKILL, like a crash of their machine.
    pub async fn kill(&self) {
        self.end(Process::kill).await;
    }

    /// Stops the server if it runs, and starts it on the same port and data.
    pub async fn restart(&self) {
        self.stop().await;
        self.start_again().await;
    }

    /// Restarts the server with these TLS settings.
    ///
    /// # Panics
    /// If the server does not start.
    pub async fn set_tls(&self, tls: Tls<'_>) {
        self.stop().await;
        tls.write(&self.inner.data)
            .unwrap_or_else(|error| panic!("{}: {error}", self.folder().display()));
        self.start_again().await;
    }

    /// Restarts the server as a standby without a primary, for which it then waits forever.
    ///
    /// # Panics
    /// If the server does not start.
    pub async fn make_standby(&self) {
        self.stop().await;
        let signal = self.folder().join("standby.signal");
        std::fs::write(&signal, "").unwrap_or_else(|error| panic!("{}: {error}", signal.display()));
        self.start_again().await;
    }

    /// Starts the server after [`stop`](Self::stop) or [`kill`](Self::kill).
    ///
    /// # Panics
    /// If the server does not start.
    pub async fn start_again(&self) {
        self.try_start()
            .await
            .unwrap_or_else(|error| panic!("{error}"));
    }

    pub(crate) async fn try_start(&self) -> Result<(), Error> {
        let server = self.clone();
        background::run(async move {
            let start = Instant::now();
            loop {
                let inner = Arc::clone(&server.inner);
                background::run_blocking(move || inner.spawn()).await?;
                match server.ready(start).await {
                    Ok(()) => return Ok(()),
                    Err(Retry::Yes) => {}
                    Err(Retry::No(error)) => return Err(error),
                }
            }
        })
        .await
    }

    /// Waits until the server answers.
    async fn ready(&self, start: Instant) -> Result<(), Retry> {
        let admin = self.admin();
        loop {
            let Err(error) = admin.try_rows("SELECT 1").await else {
                return Ok(());
            };
            let log = process::tail(&self.log());
            let running = self
                .inner
                .running()
                .process
                .as_mut()
                .is_some_and(Process::is_running);
            if start.elapsed() > LIMIT {
                let error = describe(&error);
                let text = format!("PostgreSQL does not answer ({error}); its log ends:\n{log}");
                return Err(Retry::No(Error::new(text)));
            }
            if running {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
            self.inner.prepare_retry(&log).map_err(Retry::No)?;
            tokio::time::sleep(Duration::from_millis(50)).await;
            return Err(Retry::Yes);
        }
    }

    async fn end(&self, how: impl FnOnce(&mut Process) + Send + 'static) {
        let inner = Arc::clone(&self.inner);
        background::run_blocking(move || {
            let Some(mut process) = inner.running().process.take() else {
                return;
            };
            how(&mut process);
            assert!(
                process.wait(LIMIT),
                "PostgreSQL did not stop within {LIMIT:?}"
            );
        })
        .await;
    }
}

enum Retry {
    Yes,
    No(Error),
}

impl Inner {
    fn running(&self) -> std::sync::MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After the server ended during its start: an error, unless another attempt makes sense.
    fn prepare_retry(&self, log: &str) -> Result<(), Error> {
        let mut running = self.running();
        running.process = None;
        if log.contains("could not bind") {
            running.address = Data::free_address();
            return Ok(());
        }
        // A killed server's backends have not noticed its end yet.
        if log.contains("is still in use") {
            return Ok(());
        }
        Err(Error::new(format!(
            "PostgreSQL did not start; its log ends:\n{log}"
        )))
    }

    fn spawn(&self) -> Result<(), Error> {
        let mut running = self.running();
        if running.process.as_mut().is_some_and(Process::is_running) {
            return Ok(());
        }
        let program = self.data.binaries.program("postgres").display().to_string();
        let data = self.data.data().display().to_string();
        let port = running.address.port().to_string();
        running.process = Some(Process::start(&Spec {
            folder: self.data.folder.path(),
            log: &self.data.log(),
            command: vec![program, "-D".into(), data, "-p".into(), port],
            user: self.data.user,
        })?);
        Ok(())
    }
}

/// Creates the roles of the module's table.
pub(crate) async fn create_roles(admin: &Admin, limit: u32) -> Result<(), Error> {
    let sql = format!(
        "CREATE ROLE app LOGIN CREATEDB CONNECTION LIMIT {limit}; \
         CREATE ROLE guarded LOGIN PASSWORD '{}' CONNECTION LIMIT {limit} IN ROLE app; \
         CREATE ROLE reader NOLOGIN; \
         GRANT reader TO app",
        super::PASSWORD
    );
    let done = admin.try_rows(&sql).await;
    done.map_err(|error| Error::new(format!("PostgreSQL: {}", describe(&error))))?;
    Ok(())
}
