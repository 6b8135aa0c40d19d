//! A server's settings and its data folder.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use super::kind::Options;
use super::{Builder, Data};
use crate::{Error, process};

impl Builder {
    /// A node of a Galera cluster.
    pub(crate) fn of_a_cluster() -> Self {
        Self {
            options: Options { clustered: true },
            ..Self::default()
        }
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
        let alone = if self.options.clustered {
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

impl Data {
    pub(super) fn fill(&self, builder: &Builder) -> Result<(), Error> {
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
            .args(builder.options.clustered.then_some("--wsrep-on=OFF"))
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
    pub(super) fn config(&self) -> PathBuf {
        self.folder.path().join("my.cnf")
    }

    /// The SQL file that the server runs when it starts.
    pub(super) fn users(&self) -> PathBuf {
        self.folder.path().join("users.sql")
    }
}
