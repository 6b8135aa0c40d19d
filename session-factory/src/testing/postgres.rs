//! Tests' databases on PostgreSQL: copies of a template, locks of the database that the URL names.

use std::sync::Arc;

use diesel::dsl::sql;
use diesel::sql_types::{Bool, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};

use super::databases::{
    Databases, Found, OpenError, Setup, Tested, connect, raw, with_database, without_password,
};
use super::plan::RollsBack;
use crate::call::VirtualSessions;
use crate::config::Settings;
use crate::driver::{Driver, DriverConnection as _, Postgres, SEQUENCES, VirtualServer};
use crate::error::StatementError;

/// The first of the two numbers of our advisory locks: "_sf_".
const LOCKS: i32 = 0x5f73_665f;
/// The server's code for a database that somebody is connected to.
const OBJECT_IN_USE: &str = "55006";
/// A server process that has lost its client needs a moment to end.
const ATTEMPTS: u32 = 40;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(25);

impl Tested for Postgres {
    type Databases = PgDatabases;

    fn conflict() -> StatementError {
        StatementError {
            sqlstate: Some("40001".to_owned()),
            ..StatementError::conflict(
                "could not serialize access due to read/write dependencies among transactions",
            )
        }
    }
}

impl RollsBack for Postgres {}

/// The databases of one server.
#[doc(hidden)]
#[allow(missing_debug_implementations)] // the driver's connection has none
pub struct PgDatabases {
    connection: <Postgres as Driver>::Connection,
    /// How a copy is made, as a clause of CREATE DATABASE.
    strategy: &'static str,
    /// The server of the tests that are rolled back, and the database that it is connected to.
    rolled: Option<(String, VirtualServer)>,
}

impl PgDatabases {
    fn connection(&mut self) -> Setup<&mut AsyncPgConnection> {
        raw(&mut self.connection)
    }

    async fn run_sql(&mut self, statement: &str) -> Setup<()> {
        let ran = self.connection()?.batch_execute(statement).await;
        ran.map_err(|error| in_words(&error))
    }

    async fn is_true(&mut self, expression: &str) -> Setup<bool> {
        let asked = diesel::select(sql::<Bool>(expression));
        let answer = asked.get_result(self.connection()?).await;
        answer.map_err(|error| in_words(&error))
    }

    /// Again while the server says that somebody is connected to the database.
    async fn patiently(&mut self, statement: &str) -> Setup<()> {
        let mut attempt = 1;
        loop {
            let Err(error) = self.connection()?.batch_execute(statement).await else {
                return Ok(());
            };
            let sqlstate = self.connection.explain(&error).sqlstate;
            if sqlstate.as_deref() != Some(OBJECT_IN_USE) || attempt == ATTEMPTS {
                return Err(in_words(&error));
            }
            tokio::time::sleep(PAUSE).await;
            attempt += 1;
        }
    }
}

fn in_words(error: &diesel::result::Error) -> String {
    let text = error.to_string();
    if text.contains("permission denied to create database") {
        return format!(
            "{text}: a test creates databases, so its user needs ALTER ROLE … CREATEDB"
        );
    }
    text
}

#[allow(private_interfaces)] // the crate's own
impl Databases for PgDatabases {
    const COPIES: bool = true;
    const SPARES: bool = true;
    const ROLLS_BACK: bool = true;

    async fn roll(
        &mut self,
        settings: &Settings,
        name: &str,
        sequences: &str,
        test: Arc<VirtualSessions>,
    ) -> Setup<String> {
        if let Some((of, server)) = &self.rolled
            && of == name
            && let Ok(url) = server.begin(Arc::clone(&test)).await
        {
            return Ok(url);
        }
        let server = VirtualServer::start(settings, sequences.to_owned()).await?;
        let url = server.begin(test).await?;
        self.rolled = Some((name.to_owned(), server));
        Ok(url)
    }

    async fn roll_back(&mut self) -> bool {
        let Some((_, server)) = &self.rolled else {
            return false;
        };
        let is_clean = server.end().await;
        if !is_clean {
            self.rolled = None;
        }
        is_clean
    }

    fn let_go(&mut self) {
        self.rolled = None;
    }

    async fn describe(settings: &Settings) -> Setup<String> {
        let mut databases = Self::open(settings).await.map_err(|error| error.0)?;
        let asked = sql::<Text>(SEQUENCES).load(databases.connection()?);
        let answer: Vec<String> = asked.await.map_err(|error| in_words(&error))?;
        Ok(answer.concat())
    }

    async fn open(settings: &Settings) -> Result<Self, OpenError> {
        let mut databases = Self {
            connection: connect::<Postgres>(settings).await?,
            strategy: "",
            rolled: None,
        };
        // Copying the files writes no log, but syncs each file: it is faster where the server does not sync.
        let copies_files = databases
            .is_true(
                "current_setting('server_version_num')::integer >= 150000 \
                 AND current_setting('fsync') = 'off'",
            )
            .await;
        if copies_files.map_err(OpenError)? {
            databases.strategy = "STRATEGY FILE_COPY";
        }
        Ok(databases)
    }

    async fn version(&mut self) -> Setup<String> {
        let asked = diesel::select(sql::<Text>(
            "concat_ws(' ', version(), current_database(), (SELECT concat_ws(' ', datcollate, datctype, \
             pg_encoding_to_char(encoding)) FROM pg_database WHERE datname = 'template1'))",
        ));
        let answer = asked.get_result(self.connection()?).await;
        answer.map_err(|error| in_words(&error))
    }

    async fn list(&mut self) -> Setup<Vec<Found>> {
        let asked = sql::<(Text, Nullable<Text>)>(
            "SELECT datname::text, shobj_description(oid, 'pg_database') FROM pg_database \
             WHERE datname LIKE 'sf\\_%' ORDER BY datname",
        );
        let rows: Vec<(String, Option<String>)> = asked
            .load(self.connection()?)
            .await
            .map_err(|error| in_words(&error))?;
        let found = |(name, note)| Found { name, note };
        Ok(rows.into_iter().map(found).collect())
    }

    async fn try_lock(&mut self, name: &str) -> Setup<bool> {
        self.is_true(&format!(
            "pg_try_advisory_lock({LOCKS}, hashtext('{name}'))"
        ))
        .await
    }

    async fn unlock(&mut self, name: &str) -> Setup<()> {
        let unlock = format!("pg_advisory_unlock({LOCKS}, hashtext('{name}'))");
        self.is_true(&unlock).await.map(drop)
    }

    async fn disconnect(&mut self, name: &str) -> Setup<()> {
        self.run_sql(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        ))
        .await
    }

    async fn create(&mut self, name: &str, template: Option<&str>) -> Setup<()> {
        match template {
            Some(template) => {
                let strategy = self.strategy;
                self.patiently(&format!(
                    "CREATE DATABASE {name} TEMPLATE {template} {strategy}"
                ))
                .await
            }
            None => self.patiently(&format!("CREATE DATABASE {name}")).await,
        }
    }

    async fn note(&mut self, name: &str, note: &str) -> Setup<()> {
        let note = note.replace('\'', "''");
        self.run_sql(&format!("COMMENT ON DATABASE {name} IS '{note}'"))
            .await
    }

    async fn rename(&mut self, from: &str, to: &str) -> Setup<()> {
        self.patiently(&format!("ALTER DATABASE {from} RENAME TO {to}"))
            .await
    }

    async fn drop(&mut self, name: &str) -> Setup<()> {
        self.run_sql(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            .await
    }

    async fn run(settings: &Settings, statements: &str) -> Setup<()> {
        let opened = Self::open(settings).await.map_err(|error| error.0);
        opened?.run_sql(statements).await
    }

    fn url(server: &str, name: &str) -> String {
        match server.split_once("://") {
            Some((scheme, rest)) => {
                let end = rest.find(['/', '?']).unwrap_or(rest.len());
                let (authority, rest) = rest.split_at(end);
                let query = rest.split_once('?').map_or("", |(_, query)| query);
                let rest = with_database(authority, query, "dbname", name);
                format!("{scheme}://{rest}")
            }
            // `host=… dbname=…`: the last occurrence of a key counts.
            None => format!("{server} dbname={name}"),
        }
    }

    fn shown(server: &str, name: &str) -> String {
        let url = Self::url(server, name);
        match url.split_once("://") {
            Some((_, rest)) => {
                let (authority, _) = rest.split_once('/').unwrap_or((rest, ""));
                format!("postgres://{}/{name}", without_password(authority))
            }
            None => format!("dbname={name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_of_a_url_is_replaced() {
        for (server, expected) in [
            ("postgres://ada:pw@h:1/app", "postgres://ada:pw@h:1/sf_1"),
            ("postgres://h", "postgres://h/sf_1"),
            (
                "postgresql+psycopg2://h:1,i:2/app?sslmode=require",
                "postgresql+psycopg2://h:1,i:2/sf_1?sslmode=require",
            ),
            (
                "postgres:///?host=/run/pg&dbname=app",
                "postgres:///sf_1?host=/run/pg",
            ),
            ("host=h dbname=app", "host=h dbname=app dbname=sf_1"),
        ] {
            assert_eq!(PgDatabases::url(server, "sf_1"), expected);
        }
    }

    #[test]
    fn a_message_shows_no_password() {
        for (server, expected) in [
            ("postgres://ada:hunter2@h:1/app", "postgres://ada@h:1/sf_1"),
            ("host=h password=hunter2", "dbname=sf_1"),
            ("postgres://h/app?password=hunter2", "postgres://h/sf_1"),
        ] {
            assert_eq!(PgDatabases::shown(server, "sf_1"), expected);
        }
    }
}
