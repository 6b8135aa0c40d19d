//! SQLite, with our own pool and with an external one.

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection;
use diesel::{QueryDsl, SqliteConnection};
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::pooled_connection::bb8::Pool;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use session_factory::{Factory, session_factory};
use testbed::sqlite::Database;

use crate::case::Case;
use crate::subject::{Subject, Told, items};
use crate::tell;
use crate::words::Words;

session_factory! {
    /// A lane's database.
    struct LiteDb(Sqlite);
}

const SCHEMA: &str = r"
    PRAGMA journal_mode = WAL;
    CREATE TABLE items (id INTEGER PRIMARY KEY);
    CREATE TABLE notes (body TEXT CHECK (body <> 'bad'));
    CREATE TRIGGER refuse BEFORE INSERT ON notes WHEN new.body = 'rollback' BEGIN SELECT RAISE(ROLLBACK, 'no'); END;
    CREATE TRIGGER refuse_this BEFORE INSERT ON notes WHEN new.body = 'abort' BEGIN SELECT RAISE(ABORT, 'no'); END";

const WORDS: Words = Words {
    ends: &[
        "COMMIT",
        "COMMIT",
        "COMMIT TRANSACTION",
        "END",
        "END TRANSACTION",
        "ROLLBACK",
        "ROLLBACK",
        "ROLLBACK TRANSACTION",
        "ROLLBACK TRANSACTION a",
        "COMMIT; BEGIN",
        "ROLLBACK; BEGIN",
        "ROLLBACK; BEGIN DEFERRED TRANSACTION",
        "ROLLBACK; BEGIN IMMEDIATE",
        "ROLLBACK; BEGIN EXCLUSIVE",
        "ROLLBACK; SAVEPOINT a",
        "ROLLBACK; SAVEPOINT a; RELEASE a",
        "ROLLBACK; BEGIN; SAVEPOINT session_factory_1",
        "COMMIT; SAVEPOINT a; SAVEPOINT a; INSERT INTO items VALUES ({id}); RELEASE a",
        "SAVEPOINT a; ROLLBACK; BEGIN; SAVEPOINT a; RELEASE a",
        "ROLLBACK; INSERT INTO items VALUES ({id}); BEGIN",
        "COMMIT; INSERT INTO items VALUES ({id}); SELECT * FROM nowhere",
        "COMMIT; INSERT INTO items VALUES ({id}); BEGIN",
        "ROLLBACK; BEGIN; INSERT INTO items VALUES ({id}); COMMIT",
        "CREATE TABLE trigger (a INTEGER); ROLLBACK; BEGIN",
        "CREATE TEMP TABLE trigger (a INTEGER); ROLLBACK; BEGIN",
        "CREATE TABLE IF NOT EXISTS trigger (a); ROLLBACK; BEGIN",
        "CREATE TRIGGER t{n} AFTER INSERT ON notes BEGIN SELECT CASE WHEN 1 THEN 2 END; END; ROLLBACK; BEGIN",
        "CREATE TRIGGER t{n} AFTER INSERT ON notes BEGIN SELECT 1 AS [end;]; END; ROLLBACK; BEGIN",
        "INSERT OR ROLLBACK INTO items SELECT id FROM items LIMIT 1",
        "INSERT OR ROLLBACK INTO notes VALUES ('bad')",
        "INSERT INTO notes VALUES ('rollback')",
        "UPDATE OR ROLLBACK items SET id = (SELECT min(id) FROM items)",
        "SELECT ''';'; ROLLBACK; BEGIN; SELECT ''",
        "SELECT \"a\"\";\" FROM (SELECT 1 AS \"a\"\";\"); ROLLBACK; BEGIN",
        "SELECT [a;'] FROM (SELECT 1 AS [a;']); ROLLBACK; BEGIN",
        "SELECT `a``;` FROM (SELECT 1 AS `a``;`); ROLLBACK; BEGIN",
        "SELECT 1 /* /* */; ROLLBACK; BEGIN; SELECT 1 /* */",
        "SELECT 1 --\r; ROLLBACK\n; ROLLBACK; BEGIN",
        "SELECT x'3b'; ROLLBACK; BEGIN",
        "EXPLAIN SELECT 1; ROLLBACK; BEGIN",
        "EXPLAIN QUERY PLAN SELECT 1; COMMIT",
        "PRAGMA user_version; ROLLBACK; BEGIN",
        "RELEASE session_factory_1",
        "ROLLBACK TO session_factory_1",
        "ROLLBACK TO a; ROLLBACK; BEGIN",
        "RELEASE a; ROLLBACK; SAVEPOINT a",
    ],
    keeps: &[
        "SELECT 1",
        "INSERT INTO items VALUES ({id})",
        "INSERT INTO items VALUES ({id}) RETURNING id",
        "INSERT INTO notes VALUES ('it''s; ROLLBACK; BEGIN; ')",
        "INSERT INTO notes VALUES ('abort')",
        "INSERT OR FAIL INTO notes VALUES ('bad')",
        "UPDATE notes SET body = 'COMMIT' WHERE 0",
        "DELETE FROM notes WHERE body = 'COMMIT'",
        "REPLACE INTO items VALUES ({id})",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "VALUES (1), (2)",
        "SAVEPOINT a",
        "SAVEPOINT a; INSERT INTO items VALUES ({id}); ROLLBACK TO a",
        "SAVEPOINT a; INSERT INTO items VALUES ({id}); RELEASE a",
        "SAVEPOINT \"a b\"; ROLLBACK TO SAVEPOINT \"a b\"",
        "SAVEPOINT \"commit\"; RELEASE \"commit\"",
        "ROLLBACK TO a",
        "ROLLBACK TRANSACTION TO SAVEPOINT a",
        "RELEASE SAVEPOINT a",
        "BEGIN",
        "BEGIN IMMEDIATE",
        "SELECT 'ROLLBACK; BEGIN'",
        "SELECT \"end\" FROM (SELECT 1 AS \"end\")",
        "SELECT [commit] FROM (SELECT 1 AS [commit])",
        "SELECT `rollback;` FROM (SELECT 1 AS `rollback;`)",
        "SELECT nothing FROM nowhere",
        "nonsense",
        "CREATE TABLE IF NOT EXISTS \"commit\" (\"rollback\")",
        "CREATE TRIGGER IF NOT EXISTS t AFTER DELETE ON notes BEGIN SELECT CASE WHEN 1 THEN 2 END; SELECT 1; END",
        "CREATE TEMP TABLE IF NOT EXISTS t{n} (a)",
        "CREATE VIEW IF NOT EXISTS v AS SELECT 1",
        "DROP VIEW IF EXISTS v",
        "ALTER TABLE notes RENAME COLUMN body TO body",
        "ANALYZE",
        "REINDEX",
        "EXPLAIN COMMIT",
        "EXPLAIN QUERY PLAN SELECT 1",
        "PRAGMA user_version",
        "PRAGMA cache_size = 100",
        "PRAGMA wal_checkpoint",
        "PRAGMA query_only = ON; PRAGMA query_only = OFF",
        "PRAGMA foreign_keys = OFF",
        "PRAGMA recursive_triggers = ON",
        "ATTACH ':memory:' AS m{n}",
        "DETACH m{n}",
        "VACUUM",
        "SELECT abs(-9223372036854775808)",
        "",
        ";",
    ],
    blanks: &[
        " ",
        "\n",
        "\t",
        "\r\n",
        "\u{c}",
        "\u{b}",
        "\u{feff}",
        "/**/",
        "/*/ */",
        "/* ; ROLLBACK; */",
        "/* ' */",
        "/* \" */",
        "-- it's\n",
        "--\n",
        "--; ROLLBACK\r\n",
    ],
};

/// With our own pool.
pub(crate) struct Own(Lane);

/// With an external pool.
pub(crate) struct Foreign(Lane);

struct Lane {
    factory: Factory<LiteDb>,
    database: Database,
}

impl Lane {
    async fn open(factory: impl AsyncFnOnce(&Database) -> Factory<LiteDb>) -> Self {
        let database = Database::new();
        SimpleConnection::batch_execute(&mut database.connection(), SCHEMA)
            .expect("the schema is right");
        Self {
            factory: factory(&database).await,
            database,
        }
    }

    async fn present(&self) -> BTreeSet<i32> {
        // Wait until recovery has rolled back what is still open.
        testbed::eventually(
            std::time::Duration::from_secs(30),
            "the connections are back",
            || async {
                let status = self.factory.status();
                status.in_use == 0 && status.recovering == 0
            },
        )
        .await;
        let ids = items::table.select(items::id);
        let ids: Vec<i32> = diesel::RunQueryDsl::load(ids, &mut self.database.connection())
            .expect("the auditor can read");
        ids.into_iter().collect()
    }

    fn sweep(&self) {
        let sql = "DELETE FROM items; DELETE FROM notes; DROP TABLE IF EXISTS trigger";
        let mut auditor = self.database.connection();
        SimpleConnection::batch_execute(&mut auditor, sql).expect("the auditor can write");
    }
}

macro_rules! subject {
    ($subject:ident, $name:literal, $factory:expr) => {
        impl Subject for $subject {
            const NAME: &'static str = $name;
            const WORDS: &'static Words = &WORDS;
            type Server = ();

            async fn server() {}

            async fn open((): &()) -> Self {
                Self(Lane::open($factory).await)
            }

            async fn tell(&self, case: &Case) -> Told {
                tell!(self.0.factory, LiteDb, case)
            }

            async fn present(&self) -> BTreeSet<i32> {
                self.0.present().await
            }

            async fn sweep(&self) {
                self.0.sweep();
            }
        }
    };
}

subject!(Own, "sqlite", async |database: &Database| {
    let key = |key: &str| match key {
        "DATABASE_URL" => Some(database.url()),
        "DB_POOL_SIZE" => Some("2".to_owned()),
        _ => None,
    };
    let config = LiteDbConfig::from_vars(key).expect("the URL is right");
    Factory::new(config)
});

subject!(
    Foreign,
    "sqlite, a pool of the application's",
    async |database: &Database| {
        let path = database.path().display().to_string();
        let manager =
            AsyncDieselConnectionManager::<SyncConnectionWrapper<SqliteConnection>>::new(path);
        let pool = Pool::builder().max_size(2).build(manager).await;
        Factory::from_pool(pool.expect("the pool opens"))
    }
);
