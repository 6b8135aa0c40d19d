//! A database file, and an auditor with its own connection.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::{BigInt, Integer};
use diesel::{QueryableByName, RunQueryDsl as _, SqliteConnection};
use testbed::sqlite::Database;

use super::scene::{Found, Scene};

/// A database of one lane.
pub(crate) struct LiteBed {
    database: Database,
    auditor: SqliteConnection,
    /// Each connection opens this file once.
    journal: PathBuf,
}

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    CREATE TABLE torture_rows (case_id bigint NOT NULL, unit int NOT NULL, item int NOT NULL, \
                               payload text NOT NULL);
    CREATE INDEX torture_rows_case ON torture_rows (case_id);
    CREATE TABLE torture_taken (id int PRIMARY KEY);
    INSERT INTO torture_taken VALUES (1);
    PRAGMA busy_timeout = 0";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Integer)]
    unit: i32,
    #[diesel(sql_type = Integer)]
    item: i32,
    #[diesel(sql_type = BigInt)]
    count: i64,
}

impl LiteBed {
    pub(crate) fn new() -> Self {
        let database = Database::new();
        let mut auditor = database.connection();
        auditor.batch_execute(SCHEMA).expect("the schema is valid");
        let mut journal = database.path().into_os_string();
        journal.push("-wal");
        Self {
            journal: journal.into(),
            database,
            auditor,
        }
    }

    pub(crate) fn url(&self) -> String {
        self.database.url()
    }

    pub(super) fn scene(&mut self, case: i64) -> Scene {
        // An open transaction that has written holds the file's only write lock.
        let free = self.auditor.batch_execute("BEGIN IMMEDIATE; ROLLBACK");
        let locked = u32::from(free.is_err());
        let rows = diesel::sql_query(
            "SELECT unit, item, count(*) AS count FROM torture_rows WHERE case_id = ? \
             GROUP BY 1, 2 ORDER BY 1, 2",
        );
        let rows: Vec<Row> = rows
            .bind::<BigInt, _>(case)
            .load(&mut self.auditor)
            .unwrap_or_else(|error| panic!("the auditor: {error}"));
        let found = |Row { unit, item, count }| Found { unit, item, count };
        Scene {
            // One of the connections is the auditor's.
            connections: open_files(&self.journal).saturating_sub(1),
            running: Vec::new(),
            in_transaction: locked,
            locks: locked,
            rows: rows.into_iter().map(found).collect(),
        }
    }
}

/// How many times this process has the file open.
fn open_files(file: &Path) -> u32 {
    let descriptors = std::fs::read_dir("/proc/self/fd").into_iter().flatten();
    let open = descriptors
        .flatten()
        .filter_map(|descriptor| std::fs::read_link(descriptor.path()).ok())
        .filter(|target| target.as_os_str().as_bytes() == file.as_os_str().as_bytes())
        .count();
    u32::try_from(open).unwrap_or(u32::MAX)
}
