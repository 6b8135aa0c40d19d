//! What the server's clients are doing, and how to end it.

use super::Admin;

/// What one connection of this database is doing, from `pg_stat_activity`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// The backend's process number.
    pub pid: i32,
    /// The connection's role.
    pub user: String,
    /// `active`, `idle`, `idle in transaction`, `idle in transaction (aborted)`, …
    pub state: String,
    /// The running statement, or the last one.
    pub query: String,
    /// The event that the backend waits for, as `Lock:transactionid` or `Timeout:PgSleep`; empty if
    /// there is none.
    pub wait: String,
    /// True if the connection has an open transaction.
    pub in_transaction: bool,
}

impl Activity {
    /// True if a statement is running.
    pub fn is_active(&self) -> bool {
        self.state == "active"
    }

    /// True if the connection has an open transaction and runs nothing.
    pub fn is_idle_in_transaction(&self) -> bool {
        self.state.starts_with("idle in transaction")
    }
}

impl Admin {
    /// All clients' connections to this database, except the testbed's.
    pub async fn activity(&self) -> Vec<Activity> {
        let sql = format!(
            "SELECT pid, coalesce(usename, ''), coalesce(state, ''), query, \
             coalesce(wait_event_type || ':' || wait_event, ''), xact_start IS NOT NULL \
             FROM pg_stat_activity WHERE {CLIENTS} ORDER BY pid"
        );
        let rows = self.rows(&sql).await;
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let activity = |row: Vec<Option<String>>| Activity {
            pid: text(&row[0]).parse().expect("pid is a number"),
            user: text(&row[1]),
            state: text(&row[2]),
            query: text(&row[3]),
            // `Client:ClientRead` means that the backend is idle.
            wait: Some(text(&row[4]))
                .filter(|wait| wait != "Client:ClientRead")
                .unwrap_or_default(),
            in_transaction: text(&row[5]) == "t",
        };
        rows.into_iter().map(activity).collect()
    }

    /// The number of connections to this database, except the testbed's.
    pub async fn connections(&self) -> usize {
        self.activity().await.len()
    }

    /// The number of locks that this database's clients hold or wait for, except each client's lock
    /// on its own transaction id.
    pub async fn locks(&self) -> i64 {
        let sql = format!(
            "SELECT count(*) FROM pg_locks WHERE locktype <> 'virtualxid' AND pid IN \
             (SELECT pid FROM pg_stat_activity WHERE {CLIENTS})"
        );
        self.integer(&sql).await
    }

    /// Closes a backend, as `pg_terminate_backend` does. It ends a moment later. Returns `false` if
    /// no backend has this number.
    pub async fn terminate(&self, pid: i32) -> bool {
        self.text(&format!("SELECT pg_terminate_backend({pid})"))
            .await
            == "t"
    }

    /// Closes all connections to this database except the testbed's, and returns their number.
    pub async fn terminate_all(&self) -> i64 {
        let sql = format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {CLIENTS}"
        );
        self.integer(&sql).await
    }

    /// Cancels a backend's statement, as `pg_cancel_backend` does.
    pub async fn cancel(&self, pid: i32) -> bool {
        self.text(&format!("SELECT pg_cancel_backend({pid})")).await == "t"
    }
}

/// The SQL condition for this database's clients, except the testbed's.
const CLIENTS: &str = "datname = current_database() AND backend_type = 'client backend' \
                       AND application_name <> 'testbed'";
