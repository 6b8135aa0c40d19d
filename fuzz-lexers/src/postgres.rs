//! PostgreSQL, with our own pool and with an external one.

use std::collections::BTreeSet;

use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::pooled_connection::bb8::Pool;
use session_factory::{Factory, session_factory};
use testbed::postgres::{Database, Server};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use crate::case::Case;
use crate::subject::{Subject, Told};
use crate::tell;
use crate::words::Words;

session_factory! {
    /// A lane's database.
    struct PgDb(Postgres);
}

const SCHEMA: &str = r"
    CREATE TABLE items (id int PRIMARY KEY);
    CREATE TABLE notes (body text);
    CREATE PROCEDURE commits() LANGUAGE plpgsql AS 'BEGIN COMMIT; END';
    CREATE PROCEDURE rolls_back() LANGUAGE plpgsql AS 'BEGIN ROLLBACK; END';
    CREATE FUNCTION swallows() RETURNS int LANGUAGE plpgsql AS
        'BEGIN PERFORM 1/0; RETURN 0; EXCEPTION WHEN OTHERS THEN RETURN 1; END';
    CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN BEGIN PERFORM 1/0; EXCEPTION WHEN OTHERS THEN NULL; END; RETURN NEW; END';
    CREATE TRIGGER noted BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION noted()";

const WORDS: Words = Words {
    ends: &[
        "COMMIT",
        "COMMIT",
        "COMMIT WORK",
        "COMMIT TRANSACTION",
        "COMMIT AND NO CHAIN",
        "COMMIT AND CHAIN",
        "COMMIT WORK AND CHAIN",
        "END",
        "END TRANSACTION",
        "END AND CHAIN",
        "ROLLBACK",
        "ROLLBACK",
        "ROLLBACK WORK",
        "ROLLBACK TRANSACTION",
        "ROLLBACK AND CHAIN",
        "ROLLBACK AND CHAIN",
        "ROLLBACK WORK AND CHAIN",
        "ABORT",
        "ABORT TRANSACTION",
        "ABORT AND CHAIN",
        "ABORT WORK AND CHAIN",
        "PREPARE TRANSACTION 'g{n}'",
        "COMMIT PREPARED 'g{n}'",
        "ROLLBACK PREPARED 'g{n}'",
        "ROLLBACK; BEGIN",
        "ROLLBACK; START TRANSACTION",
        "ROLLBACK; BEGIN; SAVEPOINT a",
        "ROLLBACK; BEGIN; SAVEPOINT a; ROLLBACK TO a",
        "SAVEPOINT a; ROLLBACK TO a; ROLLBACK AND CHAIN",
        "COMMIT; BEGIN",
        "ROLLBACK; INSERT INTO items VALUES ({id}); BEGIN",
        "ROLLBACK; BEGIN; SET LOCAL session_factory.mark TO 'x'",
        "ROLLBACK AND CHAIN; INSERT INTO items VALUES ({id}); COMMIT AND CHAIN",
        "CALL commits()",
        "CALL rolls_back()",
        "DO 'BEGIN COMMIT; END'",
        "DO $$BEGIN ROLLBACK; END$$",
        // Literals that continue, or do not.
        "SELECT E'a'\n'\\''; ROLLBACK AND CHAIN; SELECT ''",
        "SELECT '\\''; ROLLBACK AND CHAIN; SELECT ''",
        "SELECT E'\\'; ROLLBACK AND CHAIN; SELECT '",
        "SELECT U&'\\0041'\n'; ROLLBACK AND CHAIN; SELECT '",
        "SELECT $a$ $$ $a$; ROLLBACK AND CHAIN; SELECT $$ $$",
        "SELECT 1 AS \"a\"; ROLLBACK AND CHAIN; SELECT 1 AS \"b\"",
        "SELECT 1 /* /* */; ROLLBACK AND CHAIN; SELECT 1 */",
        "SELECT 1 --\r; ROLLBACK AND CHAIN; SELECT 1",
        "SELECT B'1'; ROLLBACK AND CHAIN; SELECT X'1'",
        "SELECT '\\'; ROLLBACK AND CHAIN; SELECT '\\'",
        "CREATE FUNCTION pg_temp.f{n}() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; ROLLBACK AND CHAIN",
    ],
    keeps: &[
        "SELECT 1",
        "INSERT INTO items VALUES ({id})",
        "INSERT INTO notes VALUES ('rollback')",
        "INSERT INTO notes VALUES ('it''s; ROLLBACK; BEGIN; ')",
        "UPDATE notes SET body = 'abort' WHERE false",
        "DELETE FROM notes WHERE body = 'COMMIT'",
        "SAVEPOINT a",
        "SAVEPOINT a; ROLLBACK TO a",
        "SAVEPOINT a; INSERT INTO items VALUES ({id}); ROLLBACK TO SAVEPOINT a",
        "SAVEPOINT a; INSERT INTO items VALUES ({id}); RELEASE a",
        "SAVEPOINT \"a b\"; ROLLBACK WORK TO SAVEPOINT \"a b\"",
        "SAVEPOINT \"commit\"; ROLLBACK TO \"commit\"",
        "ROLLBACK TO a",
        "ROLLBACK TO SAVEPOINT a",
        "ROLLBACK TRANSACTION TO SAVEPOINT a",
        "RELEASE SAVEPOINT a",
        "BEGIN",
        "START TRANSACTION",
        "SELECT swallows()",
        "DO $$ BEGIN PERFORM 1/0; EXCEPTION WHEN OTHERS THEN NULL; END $$",
        "DO $x$ BEGIN NULL; /* ROLLBACK */ END $x$",
        "SELECT 'ROLLBACK; BEGIN'",
        "SELECT E'it\\'s; ROLLBACK'",
        "SELECT E'a'\n'\\''",
        "SELECT U&'\\0041'",
        "SELECT $$; ROLLBACK; $$",
        "SELECT $a$ $$ ; ABORT; $a$",
        "SELECT 1 AS \"rollback\"",
        "SELECT 1 AS chain WHERE true AND 1 = 1",
        "SELECT 1/0",
        "SELECT nothing FROM nowhere",
        "SET LOCAL standard_conforming_strings = off",
        "SET standard_conforming_strings = off",
        "SET standard_conforming_strings = on",
        "SET LOCAL client_min_messages = error",
        "SET LOCAL backslash_quote = on",
        "SET LOCAL lock_timeout = 1000",
        "RESET ALL",
        "PREPARE p{n} AS SELECT 1; EXECUTE p{n}",
        "CREATE FUNCTION pg_temp.f{n}() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END",
        "CREATE TEMP TABLE IF NOT EXISTS t{n} (a int)",
        "CREATE TEMP TABLE IF NOT EXISTS rollback (a int)",
        "DECLARE c{n} CURSOR FOR SELECT 1; FETCH c{n}; CLOSE c{n}",
        "LOCK TABLE notes IN ROW SHARE MODE",
        "SET CONSTRAINTS ALL IMMEDIATE",
        "EXPLAIN SELECT 1",
        "",
    ],
    blanks: &[
        " ",
        "\n",
        "\t",
        "\r\n",
        "\u{c}",
        "/**/",
        "/* a */",
        "/* ; ROLLBACK; */",
        "/* /* ' */ \" */",
        "-- it's\n",
        "--\n",
        "--; ROLLBACK AND CHAIN\r",
        " /* $$ */ ",
    ],
};

/// With our own pool.
pub(crate) struct Own(Lane);

/// With an external pool.
pub(crate) struct Foreign(Lane);

struct Lane {
    factory: Factory<PgDb>,
    /// Dropped with the lane.
    _database: Database,
    auditor: Client,
}

impl Lane {
    async fn open(server: &Server, factory: impl AsyncFnOnce(&str) -> Factory<PgDb>) -> Self {
        let database = server.database().await;
        database.execute(SCHEMA).await;
        let address = server.address();
        let mut config = tokio_postgres::Config::new();
        config
            .host(address.ip().to_string())
            .port(address.port())
            .user("testbed")
            .dbname(database.name())
            .application_name("auditor");
        let (auditor, connection) = config
            .connect(NoTls)
            .await
            .expect("the auditor can connect");
        tokio::spawn(connection);
        Self {
            factory: factory(&database.url()).await,
            _database: database,
            auditor,
        }
    }

    async fn column(&self, sql: &str) -> Vec<String> {
        let messages = self.auditor.simple_query(sql).await;
        let messages = messages.unwrap_or_else(|error| panic!("the auditor: {sql}: {error}"));
        let first = |message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        };
        messages.into_iter().filter_map(first).collect()
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
        let ids = self.column("SELECT id FROM items").await;
        ids.iter().filter_map(|id| id.parse().ok()).collect()
    }

    async fn sweep(&self) {
        let prepared = self
            .column("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()")
            .await;
        for name in prepared {
            self.column(&format!("ROLLBACK PREPARED '{name}'")).await;
        }
        self.column("TRUNCATE items, notes").await;
    }
}

async fn server() -> Server {
    Server::builder()
        .config("max_prepared_transactions", "1000")
        // Failing texts are normal here, so the server does not log them.
        .config("log_min_messages", "fatal")
        .config("log_min_error_statement", "fatal")
        .start()
        .await
}

macro_rules! subject {
    ($subject:ident, $name:literal, $factory:expr) => {
        impl Subject for $subject {
            const NAME: &'static str = $name;
            const WORDS: &'static Words = &WORDS;
            type Server = Server;

            async fn server() -> Server {
                server().await
            }

            async fn open(server: &Server) -> Self {
                Self(Lane::open(server, $factory).await)
            }

            async fn tell(&self, case: &Case) -> Told {
                tell!(self.0.factory, PgDb, case)
            }

            async fn present(&self) -> BTreeSet<i32> {
                self.0.present().await
            }

            async fn sweep(&self) {
                self.0.sweep().await;
            }
        }
    };
}

subject!(Own, "postgresql", async |url: &str| {
    let key = |key: &str| match key {
        "DATABASE_URL" => Some(url.to_owned()),
        "DB_POOL_SIZE" => Some("2".to_owned()),
        _ => None,
    };
    let config = PgDbConfig::from_vars(key).expect("the URL is right");
    Factory::new(config)
});

subject!(
    Foreign,
    "postgresql, a pool of the application's",
    async |url: &str| {
        let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new(url);
        let pool = Pool::builder().max_size(2).build(manager).await;
        Factory::from_pool(pool.expect("the pool opens"))
    }
);
