//! Creates a server: its settings, its data folder, its roles.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;

use tempfile::TempDir;

use crate::user::{self, User};
use crate::{Error, background, ports, process};

use super::binaries::Binaries;
use super::server::Server;
use super::tls;

/// The settings of a private server, made by [`Server::builder`].
#[derive(Clone, Debug)]
#[must_use = "nothing happens before `start`"]
pub struct Builder {
    max_connections: u32,
    fsync: bool,
    config: Vec<(String, String)>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            max_connections: 100,
            fsync: false,
            config: Vec::new(),
        }
    }
}

impl Builder {
    /// How many connections each of the roles `app` and `guarded` may have. Default: 100.
    ///
    /// The server refuses one more with SQLSTATE 53300, like a full server. The superuser has
    /// reserved connections, so an [`Admin`](super::Admin) neither uses up a connection nor is
    /// refused.
    pub fn max_connections(mut self, limit: u32) -> Self {
        self.max_connections = limit;
        self
    }

    /// Makes commits wait for the disk. Default: off; killing the *process* loses nothing either
    /// way.
    pub fn fsync(mut self, on: bool) -> Self {
        self.fsync = on;
        self
    }

    /// Adds a setting to `postgresql.conf`. It overrides the testbed's own.
    pub fn config(mut self, name: &str, value: &str) -> Self {
        self.config.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts the server.
    ///
    /// # Panics
    /// If the server cannot be found, installed or started. The text says why.
    pub async fn start(self) -> Server {
        self.try_start()
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts the server, or says why that is not possible.
    pub async fn try_start(self) -> Result<Server, Error> {
        background::run(async move {
            let limit = self.max_connections;
            let data = background::run_blocking(move || self.initialise()).await?;
            let server = Server::new(data);
            server.try_start().await?;
            super::server::create_roles(&server.admin(), limit).await?;
            Ok(server)
        })
        .await
    }

    fn initialise(self) -> Result<Data, Error> {
        let data = Data::empty()?;
        data.fill(&self)
            .map_err(|error| Error::new(format!("PostgreSQL: {error}")))?;
        Ok(data)
    }

    fn settings(&self) -> String {
        let mut text = format!(
            "max_connections = {}\nsuperuser_reserved_connections = {RESERVED}\nfsync = {}\n",
            // Both roles, and the superuser.
            2 * self.max_connections + RESERVED,
            if self.fsync { "on" } else { "off" },
        );
        text.push_str(SETTINGS);
        text.extend(["include_if_exists = '", tls::SETTINGS, "'\n"]);
        for (name, value) in &self.config {
            let value = value.replace('\'', "''");
            text.extend([name, " = '", &value, "'\n"]);
        }
        text
    }
}

/// Connections reserved for the superuser: one for each database in use, and some more.
const RESERVED: u32 = 50;

/// A small, quiet server that listens on TCP only, because the tests observe the wire.
const SETTINGS: &str = "\
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
shared_buffers = 16MB
max_wal_size = 256MB
dynamic_shared_memory_type = posix
max_worker_processes = 2
max_wal_senders = 8
wal_keep_size = 256MB
autovacuum_naptime = 1min
jit = off
log_line_prefix = '%m [%p] %u@%d '
log_connections = on
log_disconnections = on
timezone = 'UTC'
lc_messages = 'C'
";

/// Authentication rules. The first matching line applies.
pub(super) const HBA: &str = "\
local all all trust
host all +guarded 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
host replication all 127.0.0.1/32 trust
";

/// A data folder on which a server can be started repeatedly.
#[derive(Debug)]
pub(crate) struct Data {
    pub(crate) binaries: Binaries,
    pub(crate) user: Option<User>,
    /// Removed on drop, after the server has been stopped.
    pub(crate) folder: TempDir,
}

impl Data {
    /// An empty folder for a user that may run a server.
    pub(super) fn empty() -> Result<Self, Error> {
        let binaries = Binaries::find_or_install()?;
        let user = user::unprivileged(&["postgres"])?;
        let folder = user::private_folder("session-factory-postgres-", user)?;
        Ok(Self {
            binaries,
            user,
            folder,
        })
    }

    fn fill(&self, builder: &Builder) -> Result<(), Error> {
        let failed = |error: std::io::Error| Error::new(error.to_string());
        let data = self.data();
        let initdb = "-U testbed -A trust --encoding=UTF8 --locale=C --no-sync";
        self.make("initdb", initdb.split(' ').map(str::to_owned))?;
        append(&data.join("postgresql.conf"), &builder.settings()).map_err(failed)?;
        fs::write(data.join("pg_hba.conf"), HBA).map_err(failed)
    }

    /// Runs a PostgreSQL program that creates a data folder.
    pub(super) fn make(
        &self,
        program: &str,
        arguments: impl IntoIterator<Item = String>,
    ) -> Result<(), Error> {
        let output = process::as_user(self.binaries.program(program), self.user)
            .args(arguments)
            .arg("-D")
            .arg(self.data())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .map_err(|error| Error::new(format!("{program}: {error}")))?;
        if output.status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&output.stderr);
        Err(Error::new(format!(
            "{program} failed ({}): {text}",
            output.status
        )))
    }

    /// The data folder for `-D`.
    pub(crate) fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// The server's log file.
    pub(crate) fn log(&self) -> std::path::PathBuf {
        self.folder.path().join("server.log")
    }

    /// An address for the server. It stays the same over restarts, unless its port is taken.
    pub(crate) fn free_address() -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free()))
    }
}

/// Appends settings. Later lines override earlier ones.
fn append(file: &Path, text: &str) -> std::io::Result<()> {
    let before = fs::read_to_string(file)?;
    fs::write(file, format!("{before}\n{text}"))
}
