//! Creates a server: its settings, its data folder, its users.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Stdio;

use tempfile::TempDir;

use crate::user::{self, User};
use crate::{Error, background, ports, process};

use super::binaries::Binaries;
use super::server::Server;

/// The settings of a private server, made by [`Server::builder`].
#[derive(Clone, Debug)]
#[must_use = "nothing happens before `start`"]
pub struct Builder {
    max_connections: u32,
    config: Vec<(String, String)>,
    /// True for a node of a cluster.
    clustered: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            max_connections: 100,
            config: Vec::new(),
            clustered: false,
        }
    }
}

impl Builder {
    /// A node of a Galera cluster.
    pub(crate) fn of_a_cluster() -> Self {
        Self {
            clustered: true,
            ..Self::default()
        }
    }

    /// How many connections each of the users `app` and `guarded` may have. Default: 100.
    ///
    /// The server refuses one more with error 1226. The administrator has reserved connections.
    pub fn max_connections(mut self, limit: u32) -> Self {
        self.max_connections = limit;
        self
    }

    /// Adds a setting to the server's configuration. It overrides the testbed's own.
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
            let server = self.prepare().await?;
            server.try_start_with(&[]).await?;
            Ok(server)
        })
        .await
    }

    /// Creates the data folder of a server that is not started yet.
    pub(crate) async fn prepare(self) -> Result<Server, Error> {
        let data = background::run_blocking(move || self.initialise()).await?;
        Ok(Server::new(data))
    }

    fn initialise(self) -> Result<Data, Error> {
        let binaries = Binaries::find_or_install()?;
        let user = user::unprivileged(&["mysql"])?;
        let folder = user::private_folder("session-factory-mysql-", user)?;
        let data = Data {
            binaries,
            user,
            folder,
        };
        data.fill(&self)
            .map_err(|error| Error::new(format!("MariaDB: {error}")))?;
        Ok(data)
    }

    fn settings(&self, folder: &str) -> String {
        let mut text = format!(
            "[mysqld]\ndatadir={folder}/data\nsocket={folder}/mysqld.sock\n\
             pid-file={folder}/mysqld.pid\ntmpdir={folder}\nmax_connections={}\n{SETTINGS}",
            2 * self.max_connections + RESERVED,
        );
        for (name, value) in &self.config {
            text.extend([name, "=", value, "\n"]);
        }
        text
    }

    /// SQL that creates the users of the module's table. The server runs it before it accepts
    /// clients.
    fn users(&self) -> String {
        // Each node of a cluster creates its own users, and does not replicate them.
        let alone = if self.clustered {
            "SET SESSION wsrep_on = OFF;\n"
        } else {
            ""
        };
        let limit = format!("WITH MAX_USER_CONNECTIONS {}", self.max_connections);
        format!(
            "{alone}CREATE OR REPLACE USER testbed@'127.0.0.1';\n\
             GRANT ALL ON *.* TO testbed@'127.0.0.1' WITH GRANT OPTION;\n\
             CREATE OR REPLACE USER app@'127.0.0.1' {limit};\n\
             GRANT ALL ON `t%`.* TO app@'127.0.0.1';\n\
             GRANT ALL ON `sf\\_%`.* TO app@'127.0.0.1';\n\
             CREATE OR REPLACE USER guarded@'127.0.0.1' IDENTIFIED BY '{}' {limit};\n\
             GRANT ALL ON `t%`.* TO guarded@'127.0.0.1';\n",
            super::PASSWORD
        )
    }
}

/// Connections reserved for the administrator: one for each database in use, and some more.
const RESERVED: u32 = 100;

/// A small server that does not wait for the disk: killing its *process* loses nothing.
const SETTINGS: &str = "\
bind-address=127.0.0.1
skip-name-resolve
innodb_buffer_pool_size=32M
innodb_log_file_size=32M
innodb_flush_log_at_trx_commit=2
innodb_flush_method=fsync
innodb_lock_wait_timeout=5
performance_schema=OFF
skip-log-bin
plugin-load-add=metadata_lock_info
table_open_cache=400
lc_messages=en_US
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
    fn fill(&self, builder: &Builder) -> Result<(), Error> {
        let failed = |error: std::io::Error| Error::new(error.to_string());
        let folder = self.folder.path();
        fs::write(
            self.config(),
            builder.settings(&folder.display().to_string()),
        )
        .and_then(|()| fs::write(self.users(), builder.users()))
        .map_err(failed)?;
        if let Some(user) = self.user {
            for path in [folder.to_owned(), self.config(), self.users()] {
                std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid)).map_err(failed)?;
            }
        }
        let output = process::as_user(self.binaries.install(), self.user)
            .arg(format!("--defaults-file={}", self.config().display()))
            .args([
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--skip-name-resolve",
            ])
            .args(builder.clustered.then_some("--wsrep-on=OFF"))
            .current_dir(folder)
            .stdin(Stdio::null())
            .output()
            .map_err(failed)?;
        if !output.status.success() {
            return Err(Error::new(format!(
                "mariadb-install-db failed ({}): {}{}",
                output.status,
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr),
            )));
        }
        Ok(())
    }

    /// The configuration file for `--defaults-file`.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("my.cnf")
    }

    /// The SQL file that the server runs when it starts.
    pub(crate) fn users(&self) -> PathBuf {
        self.folder.path().join("users.sql")
    }

    /// The server's log file.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    /// An address for the server. It stays the same over restarts, unless its port is taken.
    pub(crate) fn free_address() -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free()))
    }
}
