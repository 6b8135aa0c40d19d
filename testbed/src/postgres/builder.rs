//! Making a server: its settings, its data folder, its roles.

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

/// The settings of a private server. From [`Server::builder`].
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
    /// One more is refused with SQLSTATE 53300, as by a full server; the superuser has places of
    /// its own, so an [`Admin`](super::Admin) neither takes one nor is kept out.
    pub fn max_connections(mut self, limit: u32) -> Self {
        self.max_connections = limit;
        self
    }

    /// Whether commits wait for the disk. Default: no; a killed *process* loses nothing either way.
    pub fn fsync(mut self, on: bool) -> Self {
        self.fsync = on;
        self
    }

    /// One more setting for `postgresql.conf`; it wins over the testbed's own.
    pub fn config(mut self, name: &str, value: &str) -> Self {
        self.config.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts the server.
    ///
    /// # Panics
    /// When it cannot be found, installed or started, with a text that says why.
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

/// Places for the superuser's connections: one for each database in use, and the odd one more.
const RESERVED: u32 = 50;

/// Small, quiet, and on TCP alone: the tests look at what goes over the wire.
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

/// Who is let in, and how. The first line that fits decides.
pub(super) const HBA: &str = "\
local all all trust
host all +guarded 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
host replication all 127.0.0.1/32 trust
";

/// A data folder that a server can be started on, again and again.
#[derive(Debug)]
pub(crate) struct Data {
    pub(crate) binaries: Binaries,
    pub(crate) user: Option<User>,
    /// Removed on drop, after the server has been stopped.
    pub(crate) folder: TempDir,
}

impl Data {
    /// A folder without data, for a user that may run a server.
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

    /// Runs one of PostgreSQL's programs that make a data folder.
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

    /// The folder that `-D` names.
    pub(crate) fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// Where the server writes its log.
    pub(crate) fn log(&self) -> std::path::PathBuf {
        self.folder.path().join("server.log")
    }

    /// An address for it. Kept over restarts, unless it turns out to be taken.
    pub(crate) fn free_address() -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free()))
    }
}

/// Later lines win.
fn append(file: &Path, text: &str) -> std::io::Result<()> {
    let before = fs::read_to_string(file)?;
    fs::write(file, format!("{before}\n{text}"))
}
