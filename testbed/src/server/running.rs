//! A private server that one test starts, stops, kills and restarts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Admin, Builder, Data, Database, Endpoint, Kind};
use crate::process::{self, Process, Spec};
use crate::{Error, background};

/// A private server. Dropping it stops the server and removes its folder, even if a test
/// panics. If the test's process is killed, the supervisor does the same.
///
/// Its port stays the same over restarts.
#[derive(Debug)]
pub struct Server<K: Kind> {
    inner: Arc<Inner<K>>,
}

impl<K: Kind> Clone for Server<K> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

#[derive(Debug)]
struct Inner<K: Kind> {
    // Declared before the folder, so that the server stops before its data are removed.
    running: Mutex<Running>,
    data: Data<K>,
}

#[derive(Debug)]
struct Running {
    process: Option<Process>,
    address: SocketAddr,
}

/// How long a server may take to answer or to end. Ample, so that a slow machine fails no test.
const LIMIT: Duration = Duration::from_secs(60);

impl<K: Kind> Server<K> {
    /// Starts a server with the default settings.
    ///
    /// # Panics
    /// If the server cannot be found, installed or started. The text says why.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// The settings of a server to start.
    pub fn builder() -> Builder<K> {
        Builder::default()
    }

    pub(crate) fn new(data: Data<K>) -> Self {
        let running = Running {
            process: None,
            address: Data::<K>::free_address(),
        };
        Self {
            inner: Arc::new(Inner {
                running: Mutex::new(running),
                data,
            }),
        }
    }

    /// The server's address.
    pub fn endpoint(&self) -> Endpoint<K> {
        Endpoint::new(self.inner.running().address)
    }

    /// Host and port, for a [`Proxy`](crate::Proxy).
    pub fn address(&self) -> SocketAddr {
        self.endpoint().address()
    }

    /// A fresh, empty database.
    pub async fn database(&self) -> Database<K> {
        self.endpoint().database().await
    }

    /// An administrator of the whole server.
    pub fn admin(&self) -> Admin<K> {
        self.endpoint().admin()
    }

    /// True if both handles are of the same server.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    pub(crate) fn data(&self) -> &Data<K> {
        &self.inner.data
    }

    /// The server's log file.
    pub fn log(&self) -> PathBuf {
        self.inner.data.log()
    }

    /// The version that the server's program prints.
    pub fn version(&self) -> String {
        K::version(&self.inner.data.binaries).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Stops the server in order: it rolls open transactions back and tells its clients.
    pub async fn stop(&self) {
        self.end(|process| process.signal(K::STOP)).await;
    }

    /// Kills the server with all its processes (SIGKILL), like a crash of its machine.
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
        background::run_boxed(async move {
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
                let (name, error) = (K::NAME, K::describe(&error));
                let text = format!("{name} does not answer ({error}); its log ends:\n{log}");
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
            let name = K::NAME;
            assert!(process.wait(LIMIT), "{name} did not stop within {LIMIT:?}");
        })
        .await;
    }
}

enum Retry {
    Yes,
    No(Error),
}

impl<K: Kind> Inner<K> {
    fn running(&self) -> std::sync::MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After the server ended during its start: an error, unless another attempt makes sense.
    fn prepare_retry(&self, log: &str) -> Result<(), Error> {
        let mut running = self.running();
        running.process = None;
        if log.contains(K::PORT_IS_TAKEN) {
            running.address = Data::<K>::free_address();
            return Ok(());
        }
        if K::START_LATER.is_some_and(|text| log.contains(text)) {
            return Ok(());
        }
        let name = K::NAME;
        Err(Error::new(format!(
            "{name} did not start; its log ends:\n{log}"
        )))
    }

    fn spawn(&self, arguments: &[&'static str]) -> Result<(), Error> {
        let mut running = self.running();
        if running.process.as_mut().is_some_and(Process::is_running) {
            return Ok(());
        }
        let mut command = K::command(&self.data, running.address.port());
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
