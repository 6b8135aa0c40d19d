//! The settings with which every borrower finds a connection.

use std::time::Duration;

/// The longest `max_statement_time` that MariaDB accepts.
const LONGEST_OF_MARIADB: Duration = Duration::from_secs(31_536_000);

/// diesel's own settings, session tracking, and autocommit off, so that the first statement begins each transaction.
#[derive(Debug)]
pub(super) struct Setup {
    sql: String,
    /// The schema that the URL names.
    pub(super) database: Option<String>,
}

impl Setup {
    pub(super) fn new(
        database: Option<String>,
        statement_timeout: Option<Duration>,
        is_mariadb: bool,
    ) -> Self {
        let mut sql = String::from(
            "SET time_zone = '+00:00', character_set_client = 'utf8mb4', \
             character_set_connection = 'utf8mb4', character_set_results = 'utf8mb4', autocommit = 0, \
             session_track_schema = ON, session_track_state_change = ON, session_track_system_variables = '*', \
             session_track_transaction_info = 'CHARACTERISTICS'",
        );
        if let Some(limit) = statement_timeout {
            let (name, value) = if is_mariadb {
                let limit = limit.min(LONGEST_OF_MARIADB);
                ("max_statement_time", limit.as_secs_f64().to_string())
            } else {
                let limit = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
                ("max_execution_time", limit.max(1).to_string())
            };
            sql.extend([", ", name, " = ", &value]);
        }
        Self { sql, database }
    }

    pub(super) fn sql(&self) -> &str {
        &self.sql
    }
}
