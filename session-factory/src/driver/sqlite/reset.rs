//! Puts back what outlives a transaction, on a connection that cannot be closed instead.
//!
//! Some changes stay, because SQLite does not report them: functions and collations registered on
//! the raw connection, and pragmas that are not listed here.

use diesel::connection::SimpleConnection;
use diesel::result::Error;
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;
use diesel::{QueryResult, QueryableByName, RunQueryDsl};

use super::connection::LiteConnection;
use super::diesel_wrapper;
use super::open::PRAGMAS;
use super::slot::Slot;
use super::task::Lost;

/// SQLite's defaults for settings that belong to the connection, not to the file.
const DEFAULTS: &str = "PRAGMA writable_schema = OFF; PRAGMA temp_store = DEFAULT; PRAGMA synchronous = FULL; \
     PRAGMA locking_mode = NORMAL; PRAGMA cache_size = -2000; PRAGMA cache_spill = ON; PRAGMA cell_size_check = OFF; \
     PRAGMA automatic_index = ON; PRAGMA analysis_limit = 0; PRAGMA case_sensitive_like = OFF; \
     PRAGMA checkpoint_fullfsync = OFF; PRAGMA fullfsync = OFF; PRAGMA ignore_check_constraints = OFF; \
     PRAGMA legacy_alter_table = OFF; PRAGMA reverse_unordered_selects = OFF; PRAGMA secure_delete = OFF; \
     PRAGMA threads = 0; PRAGMA trusted_schema = ON; PRAGMA wal_autocheckpoint = 1000; PRAGMA max_page_count = 0; \
     PRAGMA journal_size_limit = -1; PRAGMA short_column_names = ON; PRAGMA full_column_names = OFF; \
     PRAGMA count_changes = OFF; PRAGMA empty_result_callbacks = OFF";

#[derive(QueryableByName)]
struct Undo {
    #[diesel(sql_type = Text)]
    sql: String,
}

/// Drops them in this order, because a trigger may depend on a view, and a view on a table.
const TEMPORARY: &str = "SELECT 'DROP ' || type || ' IF EXISTS temp.\"' || replace(name, '\"', '\"\"') || '\"' AS sql \
     FROM sqlite_temp_master WHERE type IN ('table', 'view', 'trigger') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
     ORDER BY CASE type WHEN 'trigger' THEN 0 WHEN 'view' THEN 1 ELSE 2 END";
const ATTACHED: &str = "SELECT 'DETACH \"' || replace(name, '\"', '\"\"') || '\"' AS sql FROM pragma_database_list \
     WHERE name NOT IN ('main', 'temp')";

fn put_back(connection: &mut SqliteConnection) -> QueryResult<()> {
    // Usually no transaction is open, and ROLLBACK fails. An open one belongs to no session, so it is rolled back.
    let _nothing_open = connection.batch_execute("ROLLBACK");
    // The pragmas come first: `query_only` would prevent the other changes.
    connection.batch_execute(PRAGMAS)?;
    for list in [TEMPORARY, ATTACHED] {
        let undo: Vec<Undo> = diesel::sql_query(list).load(connection)?;
        for Undo { sql } in undo {
            connection.batch_execute(&sql)?;
        }
    }
    connection.batch_execute(DEFAULTS)
}

impl LiteConnection {
    /// Moves the connection out of the wrapper in which the application's code had it.
    pub(super) async fn reclaim(&mut self) -> QueryResult<()> {
        self.settle().await.map_err(Lost::into_error)?;
        let back = match &self.slot {
            Slot::Wrapped(lent) => lent.back(),
            _ => None,
        };
        if let Some(back) = back {
            self.task(move |connection| back.fill(connection))
                .await
                .map_err(Lost::into_error)?
                .map_err(|error| Error::QueryBuilderError(Box::new(error)))?;
            self.came_back(None);
        }
        Ok(())
    }
}

/// Resets a changed connection. Returns false if it must be closed instead. A database that
/// exists only in this connection is kept, and put back as far as possible.
pub(super) async fn reset(lite: &mut LiteConnection) -> bool {
    lite.state.put_back();
    if lite.state.is_external() {
        // The external pool closes a connection that diesel considers broken.
        let _closed_anyway = lite.task(diesel_wrapper::break_off).await;
        return false;
    }
    if !lite.is_private || lite.reclaim().await.is_err() {
        return false;
    }
    matches!(lite.task(put_back).await, Ok(Ok(())))
}
