//! A server's settings and its data folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::kind::Options;
use super::{Builder, Data, tls};
use crate::{Error, process};

impl Builder {
    /// Makes commits wait for the disk. Default: off; killing the *process* loses nothing either
    /// way.
    pub fn fsync(mut self, on: bool) -> Self {
        self.options = Options { fsync: on };
        self
    }

    fn settings(&self) -> String {
        let mut text = format!(
            "max_connections = {}\nsuperuser_reserved_connections = {RESERVED}\nfsync = {}\n",
            // Both roles, and the superuser.
            2 * self.max_connections + RESERVED,
            if self.options.fsync { "on" } else { "off" },
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

impl Data {
    pub(super) fn fill(&self, builder: &Builder) -> Result<(), Error> {
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
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

/// Appends settings. Later lines override earlier ones.
fn append(file: &Path, text: &str) -> std::io::Result<()> {
    let before = fs::read_to_string(file)?;
    fs::write(file, format!("{before}\n{text}"))
}
