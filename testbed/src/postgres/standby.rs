//! A server as a standby: copied from its primary, following it, promoted.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::{Error, background, eventually};

use super::{Data, Server};

/// The time limit for work that a standby does by itself.
const LIMIT: Duration = Duration::from_secs(60);

impl Data {
    /// Fills the folder with a copy of a running server's data, for its standby of this name.
    fn copy(&self, primary: SocketAddr, name: &str) -> Result<(), Error> {
        if self.data().exists() {
            fs::remove_dir_all(self.data())
                .map_err(|error| Error::new(format!("{}: {error}", self.data().display())))?;
        }
        let conninfo = conninfo(primary, name);
        let arguments = [
            "--write-recovery-conf",
            "--wal-method=stream",
            "--checkpoint=fast",
            "--no-sync",
            "-d",
            &conninfo,
        ];
        self.make("pg_basebackup", arguments.map(str::to_owned))
    }
}

fn conninfo(primary: SocketAddr, name: &str) -> String {
    format!(
        "host={} port={} user=testbed application_name={name} connect_timeout=5",
        primary.ip(),
        primary.port()
    )
}

impl Server {
    /// The server's data folder.
    pub fn folder(&self) -> PathBuf {
        self.data().data()
    }

    /// Restarts the server as a standby without a primary, for which it then waits forever.
    ///
    /// # Panics
    /// If the server does not start.
    pub async fn make_standby(&self) {
        self.stop().await;
        let signal = self.folder().join("standby.signal");
        fs::write(&signal, "").unwrap_or_else(|error| panic!("{}: {error}", signal.display()));
        self.start_again().await;
    }

    /// Starts another server as a standby of a running one.
    pub(super) async fn standby_of(primary: &Self, name: &'static str) -> Result<Self, Error> {
        let data = background::run_blocking(Data::empty).await?;
        let server = Self::new(data);
        server.copy_from(primary, name).await?;
        Ok(server)
    }

    /// Replaces the server's data by a copy of `primary`'s, and starts it as a standby of
    /// `primary`.
    pub(super) async fn copy_from(&self, primary: &Self, name: &'static str) -> Result<(), Error> {
        self.stop().await;
        let (server, primary) = (self.clone(), primary.address());
        background::run_blocking(move || server.data().copy(primary, name)).await?;
        self.try_start_with(&[]).await
    }

    /// Makes a running standby follow another primary.
    pub(super) async fn follow(&self, primary: &Self, name: &str) {
        let conninfo = conninfo(primary.address(), name);
        self.alter("primary_conninfo", &conninfo).await;
    }

    /// Changes a setting of the running server.
    pub async fn alter(&self, setting: &str, value: &str) {
        let admin = self.admin();
        // Two calls, because ALTER SYSTEM does not run inside a transaction, and one text is a
        // transaction.
        admin
            .execute(&format!("ALTER SYSTEM SET {setting} = '{value}'"))
            .await;
        admin.execute("SELECT pg_reload_conf()").await;
        let sql = format!(
            "SELECT count(*) FROM pg_settings WHERE name = '{setting}' AND setting = '{value}'"
        );
        let what = format!("{setting} is {value}");
        eventually(LIMIT, &what, async || admin.integer(&sql).await == 1).await;
    }

    /// True if the server is a standby: in recovery, and read-only.
    pub async fn is_standby(&self) -> bool {
        self.admin().text("SELECT pg_is_in_recovery()").await == "t"
    }

    /// Makes a standby a primary, and waits until it accepts writes.
    pub(super) async fn promote(&self) {
        self.admin().execute("SELECT pg_promote(true, 60)").await;
        eventually(LIMIT, "the standby is a primary", async || {
            !self.is_standby().await
        })
        .await;
    }

    /// Stops a standby from replaying until [`resume_replay`](Self::resume_replay). It still
    /// receives, but does not show later commits.
    pub async fn pause_replay(&self) {
        let admin = self.admin();
        admin.execute("SELECT pg_wal_replay_pause()").await;
        eventually(LIMIT, "replay is paused", async || {
            admin.text("SELECT pg_get_wal_replay_pause_state()").await == "paused"
        })
        .await;
    }

    /// Ends [`pause_replay`](Self::pause_replay).
    pub async fn resume_replay(&self) {
        self.admin().execute("SELECT pg_wal_replay_resume()").await;
    }

    /// Waits until this standby has replayed all earlier writes of `primary`.
    pub async fn caught_up_with(&self, primary: &Self) {
        let written = primary.admin().text("SELECT pg_current_wal_lsn()").await;
        let sql = format!("SELECT pg_last_wal_replay_lsn() >= '{written}'::pg_lsn");
        let admin = self.admin();
        eventually(LIMIT, "the standby has caught up", async || {
            admin.text(&sql).await == "t"
        })
        .await;
    }
}
