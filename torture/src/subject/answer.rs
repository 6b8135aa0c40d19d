//! The question that every borrower asks its connection.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};

use crate::backend::Backend;

/// A connection's answer: the token that was sent, and the state that a borrower sees.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub(crate) struct Answer {
    #[diesel(sql_type = BigInt)]
    pub(crate) token: i64,
    #[diesel(sql_type = Text)]
    pub(crate) state: String,
}

impl Answer {
    /// The answer to another question, which does not include the state.
    pub(crate) fn wrong(token: i64) -> Self {
        Self {
            token,
            state: String::new(),
        }
    }
}

/// The question in SQL.
pub(crate) fn question(backend: Backend, token: i64) -> String {
    let state = match backend {
        Backend::Postgres | Backend::Pgbouncer => {
            "concat_ws(' ', current_user, current_setting('search_path'), \
             current_setting('timezone'), current_setting('work_mem'), \
             current_setting('statement_timeout'), \
             current_setting('default_transaction_isolation'), \
             'channels', (SELECT count(*) FROM pg_listening_channels()), \
             'cursors', (SELECT count(*) FROM pg_cursors), \
             'temporary', (SELECT count(*) FROM pg_class \
              WHERE relnamespace = pg_my_temp_schema()), \
             'advisory', (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
              AND pid = pg_backend_pid()))"
        }
        Backend::Mysql => {
            "concat_ws(' ', current_user(), database(), @@time_zone, @@sql_mode, @@tx_isolation, \
             @@max_statement_time, @@character_set_client, 'variable', coalesce(@torture, 'none'), \
             'lock', coalesce(is_used_lock(concat(database(), '7')) = connection_id(), 0))"
        }
        Backend::Sqlite => {
            "(SELECT 'foreign_keys ' || foreign_keys FROM pragma_foreign_keys) || \
             (SELECT ' recursive_triggers ' || recursive_triggers FROM pragma_recursive_triggers) \
             || (SELECT ' temporary ' || count(*) FROM sqlite_temp_master)"
        }
    };
    let cast = match backend {
        Backend::Postgres | Backend::Pgbouncer => "::int8",
        Backend::Mysql | Backend::Sqlite => "",
    };
    format!("SELECT {token}{cast} AS token, {state} AS state")
}
