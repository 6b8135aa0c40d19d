//! PgBouncer: a private pooler in front of a PostgreSQL server.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::install::{self, Missing};
use crate::postgres::{Admin, PASSWORD};
use crate::process::{self, Process, Spec};
use crate::user::{self, User};
use crate::{Error, background, ports};

/// The time limit for the pooler to answer, or to end.
const LIMIT: Duration = Duration::from_secs(60);

/// How long a client keeps a server connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolMode {
    /// Until it disconnects.
    Session,
    /// Until its transaction ends.
    Transaction,
    /// Until its statement ends; transactions are refused.
    Statement,
}

impl PoolMode {
    fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Transaction => "transaction",
            Self::Statement => "statement",
        }
    }
}

/// A running PgBouncer, with all databases and roles of its server. Dropping it stops it.
///
/// ```
/// # testbed::block_on(async {
/// use testbed::pgbouncer::{PgBouncer, PoolMode};
///
/// let database = testbed::postgres::database().await;
/// let pooler = PgBouncer::start(database.endpoint().address(), PoolMode::Transaction).await;
/// let url = database.url_at(pooler.address()); // what is tested connects here
/// # });
/// ```
#[derive(Debug)]
pub struct PgBouncer {
    // Declared before the folder, so that the process stops before its files are removed.
    process: Mutex<Option<Process>>,
    address: SocketAddr,
    program: PathBuf,
    user: Option<User>,
    folder: TempDir,
}

impl PgBouncer {
    /// Starts a pooler with at most 5 connections to `server` for each database and role.
    ///
    /// # Panics
    /// If PgBouncer cannot be found, installed or started. The text says why.
    pub async fn start(server: SocketAddr, mode: PoolMode) -> Self {
        Self::with_pool_size(server, mode, 5).await
    }

    /// Starts a pooler with at most `size` connections for each database and role.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub async fn with_pool_size(server: SocketAddr, mode: PoolMode, size: u32) -> Self {
        Self::try_start(server, mode, size)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts a pooler, or says why that is not possible.
    ///
    /// # Errors
    /// A text that says what to install, or the pooler's own message.
    pub async fn try_start(server: SocketAddr, mode: PoolMode, size: u32) -> Result<Self, Error> {
        background::run(async move {
            let start = Instant::now();
            loop {
                let pooler =
                    background::run_blocking(move || Self::spawn(server, mode, size)).await?;
                match pooler.ready(start).await {
                    Ok(true) => return Ok(pooler),
                    // Another process took the port.
                    Ok(false) => {}
                    Err(error) => return Err(error),
                }
            }
        })
        .await
    }

    /// The address for clients.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The pooler's console: `SHOW POOLS`, `PAUSE`, `RESUME`, …
    pub fn console(&self) -> Admin {
        Admin::new(self.address, Some("pgbouncer"))
    }

    /// The pooler's log file.
    pub fn log(&self) -> PathBuf {
        self.folder.path().join("pgbouncer.log")
    }

    /// Stops the pooler at once, which cuts its clients' and its server connections.
    pub async fn stop(&self) {
        let process = self.lock().take();
        background::run_blocking(move || {
            if let Some(mut process) = process {
                process.signal(Signal::TERM);
                assert!(process.wait(LIMIT), "PgBouncer did not stop");
            }
        })
        .await;
    }

    /// Starts the pooler after [`stop`](Self::stop), at the same address.
    ///
    /// # Panics
    /// If the pooler does not start.
    pub async fn start_again(&self) {
        *self.lock() = Some(self.run().unwrap_or_else(|error| panic!("{error}")));
        let ready = self.ready(Instant::now()).await;
        assert!(
            ready.unwrap_or_else(|error| panic!("{error}")),
            "its port was taken"
        );
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(server: SocketAddr, mode: PoolMode, size: u32) -> Result<Self, Error> {
        let program = program()?;
        let user = user::unprivileged(&["postgres"])?;
        let folder = user::private_folder("session-factory-pgbouncer-", user)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free()));
        let write = |name: &str, text: String| {
            let file = folder.path().join(name);
            fs::write(&file, text)
                .map_err(|error| Error::new(format!("{}: {error}", file.display())))
        };
        write("users.txt", users())?;
        write(
            "pgbouncer.ini",
            settings(folder.path(), address, server, mode, size),
        )?;
        let pooler = Self {
            process: Mutex::new(None),
            address,
            program,
            user,
            folder,
        };
        *pooler.lock() = Some(pooler.run()?);
        Ok(pooler)
    }

    fn run(&self) -> Result<Process, Error> {
        let folder = self.folder.path();
        Process::start(&Spec {
            folder,
            log: &folder.join("output.log"),
            command: vec![
                self.program.display().to_string(),
                folder.join("pgbouncer.ini").display().to_string(),
            ],
            user: self.user,
        })
    }

    /// Waits until the pooler answers. Returns `false` if its port is taken.
    async fn ready(&self, start: Instant) -> Result<bool, Error> {
        let console = self.console();
        loop {
            if console.try_rows("SHOW VERSION").await.is_ok() {
                return Ok(true);
            }
            let running = self.lock().as_mut().is_some_and(Process::is_running);
            let log = format!(
                "{}\n{}",
                process::tail(&self.log()),
                process::tail(&self.folder.path().join("output.log"))
            );
            if !running && log.contains("Address already in use") {
                return Ok(false);
            }
            if !running || start.elapsed() > LIMIT {
                return Err(Error::new(format!(
                    "PgBouncer did not start; its log ends:\n{log}"
                )));
            }
            background::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        // Otherwise the pooler would wait for its clients to leave, and block this thread
        // meanwhile.
        if let Some(process) = &mut *self.lock() {
            process.signal(Signal::TERM);
        }
    }
}

/// The version that `pgbouncer --version` prints, as `1.18.0`.
///
/// # Errors
/// A text that says what to install.
pub fn version() -> Result<String, Error> {
    let program = program()?;
    let output = Command::new(&program).arg("--version").output();
    let output = output.map_err(|error| Error::new(format!("{}: {error}", program.display())))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let first = text.lines().next().unwrap_or_default();
    Ok(first.trim_start_matches("PgBouncer ").to_owned())
}

/// The program's path. Installs the program if possible (root on Debian).
fn program() -> Result<PathBuf, Error> {
    let missing = Missing {
        not_found: "pgbouncer was not found on PATH or in /usr/sbin",
        packages: &["pgbouncer"],
        elsewhere: "the package of that name",
    };
    install::find_or_install(find, &missing)
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        // Folders of Debian and Homebrew that `PATH` may lack.
        .chain(["/usr/sbin", "/opt/homebrew/bin", "/usr/local/bin"].map(PathBuf::from))
        .map(|folder| folder.join("pgbouncer"))
        .find(|program| program.exists())
}

/// The pooler accepts every client. If the server asks for a password, the pooler sends the one in
/// this file.
fn users() -> String {
    format!("\"app\" \"\"\n\"testbed\" \"\"\n\"guarded\" \"{PASSWORD}\"\n")
}

fn settings(
    folder: &Path,
    address: SocketAddr,
    server: SocketAddr,
    mode: PoolMode,
    size: u32,
) -> String {
    let folder = folder.display();
    format!(
        "[databases]\n\
         * = host={} port={}\n\
         [pgbouncer]\n\
         listen_addr = {}\n\
         listen_port = {}\n\
         unix_socket_dir =\n\
         auth_type = trust\n\
         auth_file = {folder}/users.txt\n\
         admin_users = testbed\n\
         logfile = {folder}/pgbouncer.log\n\
         pidfile = {folder}/pgbouncer.pid\n\
         pool_mode = {}\n\
         default_pool_size = {size}\n\
         max_client_conn = 1000\n\
         server_login_retry = 1\n",
        server.ip(),
        server.port(),
        address.ip(),
        address.port(),
        mode.name(),
    )
}
