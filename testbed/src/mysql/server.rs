//! A private server that one test starts, stops, kills and restarts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::process::{self, Process, Spec};
use crate::{Error, background};

use super::admin::Admin;
use super::builder::{Builder, Data};
use super::database::Database;
use super::endpoint::Endpoint;

/// A private MariaDB server. Dropping it stops the server and removes its folder, even if a test
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

    /// The server's log file.
    pub fn log(&self) -> PathBuf {
        self.inner.data.log()
    }

    /// The version that `mariadbd --version` prints.
    pub fn version(&self) -> String {
        self.inner
            .data
            .binaries
            .version()
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Stops the server in order: it rolls open transactions back and tells its clients.
    pub async fn stop(&self) {
        self.end(|process| process.signal(Signal::TERM)).await;
    }

    /// Kills the server with SIGKILL, like a crash of its machine.
    pub async fn kill(&self) {
        self.end(Process::kill).await;
    }

    /// Stops the server if it runs, and starts it on the same port and data.
    pub async fn restart(&self) {
        self.stop().await;
        self.start_again().await;
    }

    /// Starts the server after [`stop`](Self::stop) or [`kill`](Self::kill).
    ///
    /// # Panics
    /// If the server does not start.
    pub async fn start_again(&self) {
        self.try_start_with(&[])
            .await
            .unwrap_or_else(|error| panic!("{error}"));
    }

    /// Starts the server with arguments in addition to its configuration.
    pub(crate) async fn try_start_with(&self, arguments: &[&'static str]) -> Result<(), Error> {
        let server = self.clone();
        let arguments = arguments.to_vec();
        background::run(async move {
            let start = Instant::now();
            loop {
                let inner = Arc::clone(&server.inner);
                let arguments = arguments.clone();
                background::run_blocking(move || inner.spawn(&arguments)).await?;
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
                let text = format!("MariaDB does not answer ({error}); its log ends:\n{log}");
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
            assert!(process.wait(LIMIT), "MariaDB did not stop within {LIMIT:?}");
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
        if log.contains("Can't start server: Bind on TCP/IP port") {
            running.address = Data::free_address();
            return Ok(());
        }
        Err(Error::new(format!(
            "MariaDB did not start; its log ends:\n{log}"
        )))
    }

    fn spawn(&self, arguments: &[&'static str]) -> Result<(), Error> {
        let mut running = self.running();
        if running.process.as_mut().is_some_and(Process::is_running) {
            return Ok(());
        }
        let argument = |name: &str, value: &dyn std::fmt::Display| format!("--{name}={value}");
        let mut command = vec![
            self.data.binaries.server().display().to_string(),
            argument("defaults-file", &self.data.config().display()),
            argument("init-file", &self.data.users().display()),
            argument("port", &running.address.port()),
        ];
        command.extend(arguments.iter().map(ToString::to_string));
        running.process = Some(Process::start(&Spec {
            folder: self.data.folder.path(),
            log: &self.data.log(),
            command,
            user: self.data.user,
        })?);
        Ok(())
    }
}
