//! What the server's clients are doing, and how to end it.

use super::Admin;

/// What one connection of this database is doing, from `information_schema.processlist`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// The connection's number.
    pub id: u64,
    /// The connection's user.
    pub user: String,
    /// `Query`, `Execute`, `Sleep`, …
    pub command: String,
    /// The server's name for the current activity: `User sleep`, `Statistics`, …; empty if there is
    /// none.
    pub state: String,
    /// The running statement; empty if there is none.
    pub query: String,
    /// True if the connection has an open transaction that has done something. It then holds locks
    /// on the definitions of its tables. (`innodb_trx` is useless for that: it is never up to date
    /// while someone reads it repeatedly.)
    pub in_transaction: bool,
}

impl Activity {
    /// True if a statement is running.
    pub fn is_active(&self) -> bool {
        self.command != "Sleep"
    }

    /// True if the connection has an open transaction and runs nothing.
    pub fn is_idle_in_transaction(&self) -> bool {
        self.in_transaction && !self.is_active()
    }
}

impl Admin {
    /// All clients' connections to this database, except the testbed's.
    pub async fn activity(&self) -> Vec<Activity> {
        let sql = format!(
            "SELECT id, user, command, coalesce(state, ''), coalesce(info, ''), \
             EXISTS (SELECT 1 FROM information_schema.metadata_lock_info WHERE thread_id = id) \
             FROM information_schema.processlist WHERE {} ORDER BY id",
            self.clients()
        );
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let activity = |row: Vec<Option<String>>| Activity {
            id: text(&row[0]).parse().expect("an id is a number"),
            user: text(&row[1]),
            command: text(&row[2]),
            state: text(&row[3]),
            query: text(&row[4]),
            in_transaction: text(&row[5]) == "1",
        };
        self.rows(&sql).await.into_iter().map(activity).collect()
    }

    /// The number of connections to this database, except the testbed's.
    pub async fn connections(&self) -> usize {
        self.activity().await.len()
    }

    /// Closes a connection, as `KILL` does. Returns `false` if no connection has this number.
    pub async fn terminate(&self, id: u64) -> bool {
        self.try_rows(&format!("KILL {id}")).await.is_ok()
    }

    /// Closes all connections to this database except the testbed's, and returns their number.
    pub async fn terminate_all(&self) -> usize {
        let mut ended = 0;
        for activity in self.activity().await {
            ended += usize::from(self.terminate(activity.id).await);
        }
        ended
    }

    /// Like `terminate_all`, for another database and without panics.
    pub(super) async fn terminate_all_of(&self, database: &str) -> Result<(), mysql_async::Error> {
        let sql = format!("SELECT id FROM information_schema.processlist WHERE db = '{database}'");
        for row in self.try_rows(&sql).await? {
            let id = row.into_iter().next().flatten().unwrap_or_default();
            let _ = self.try_rows(&format!("KILL {id}")).await;
        }
        Ok(())
    }

    /// The SQL condition for this database's clients, except the testbed's.
    fn clients(&self) -> String {
        let ours = "user NOT IN ('testbed', 'system user', 'event_scheduler')";
        match self.database() {
            Some(database) => format!("db = '{database}' AND {ours}"),
            None => ours.to_owned(),
        }
    }
}
