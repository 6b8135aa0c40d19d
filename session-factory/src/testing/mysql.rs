//! Tests' databases on MySQL and MariaDB. The server cannot copy a database, so the fixtures run for each test.

use std::fmt::Write as _;

use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};

use super::databases::{
    Databases, Found, OpenError, Setup, Tested, connect, raw, with_database, without_password,
};
use crate::config::Settings;
use crate::driver::{Driver, Mysql, TrackedMysqlConnection};
use crate::error::StatementError;

/// A table with this name holds a database's note.
const NOTE: &str = "session_factory_note";

impl Tested for Mysql {
    type Databases = MyDatabases;

    fn conflict() -> StatementError {
        StatementError {
            sqlstate: Some("40001".to_owned()),
            code: Some(1213),
            ..StatementError::conflict(
                "Deadlock found when trying to get lock; try restarting transaction",
            )
        }
    }
}

/// The databases of one server.
#[doc(hidden)]
#[allow(missing_debug_implementations)] // the driver's connection has none
pub struct MyDatabases(<Mysql as Driver>::Connection);

impl MyDatabases {
    fn connection(&mut self) -> Setup<&mut TrackedMysqlConnection> {
        raw(&mut self.0)
    }

    async fn run_sql(&mut self, statement: &str) -> Setup<()> {
        let ran = self.connection()?.batch_execute(statement).await;
        ran.map_err(|error| in_words(&error))
    }

    async fn number(&mut self, expression: &str) -> Setup<Option<i64>> {
        let asked = diesel::select(sql::<Nullable<BigInt>>(expression));
        let answer = asked.get_result(self.connection()?).await;
        answer.map_err(|error| in_words(&error))
    }
}

impl MyDatabases {
    async fn texts(&mut self, query: &str) -> Setup<Vec<String>> {
        let asked = sql::<Text>(query).load(self.connection()?).await;
        asked.map_err(|error| in_words(&error))
    }

    /// The statements that make an empty database a copy of this one.
    async fn copy_of(&mut self, name: &str) -> Setup<String> {
        let others = self
            .texts(&format!(
                "SELECT CONCAT('the ', LOWER(table_type), ' ', table_name) FROM information_schema.tables \
                 WHERE table_schema = '{name}' AND table_type <> 'BASE TABLE' \
                 UNION SELECT CONCAT('the trigger ', trigger_name) FROM information_schema.triggers \
                 WHERE trigger_schema = '{name}' \
                 UNION SELECT CONCAT('the ', LOWER(routine_type), ' ', routine_name) FROM information_schema.routines \
                 WHERE routine_schema = '{name}'"
            ))
            .await?;
        if let Some(other) = others.into_iter().next() {
            return Err(format!(
                "a MySQL database can only be copied if it has nothing but tables, and this one has {other}"
            ));
        }
        let tables = self
            .texts(&format!(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = '{name}' \
                 AND table_name <> '{NOTE}' ORDER BY table_name"
            ))
            .await?;
        let mut script = String::new();
        for table in tables {
            let create = sql::<(Text, Text)>(&format!("SHOW CREATE TABLE {name}.`{table}`"));
            let created: (String, String) = create
                .get_result(self.connection()?)
                .await
                .map_err(|error| in_words(&error))?;
            let columns = self
                .texts(&format!(
                    "SELECT CONCAT('`', column_name, '`') FROM information_schema.columns \
                     WHERE table_schema = '{name}' AND table_name = '{table}' AND extra NOT LIKE '%GENERATED%' \
                     ORDER BY ordinal_position"
                ))
                .await?
                .join(", ");
            let _ = write!(
                script,
                "{}; INSERT INTO `{table}` ({columns}) SELECT {columns} FROM {name}.`{table}`; ",
                created.1
            );
        }
        Ok(script)
    }
}

fn in_words(error: &diesel::result::Error) -> String {
    let text = error.to_string();
    if text.contains("Access denied") {
        return format!(
            "{text}: a test creates databases, so its user needs GRANT ALL ON `sf\\_%`.* TO …"
        );
    }
    text
}

impl Databases for MyDatabases {
    const COPIES: bool = false;

    async fn open(settings: &Settings) -> Result<Self, OpenError> {
        let mut databases = Self(connect::<Mysql>(settings).await?);
        // A database of a killed run may have a transaction that the server has not ended yet.
        let patience = databases
            .run_sql("SET SESSION lock_wait_timeout = 15")
            .await;
        patience.map_err(OpenError)?;
        Ok(databases)
    }

    async fn version(&mut self) -> Setup<String> {
        let asked = diesel::select(sql::<Text>("CONCAT_WS(' ', VERSION(), @@collation_server)"));
        let answer = asked.get_result(self.connection()?).await;
        answer.map_err(|error| in_words(&error))
    }

    async fn list(&mut self) -> Setup<Vec<Found>> {
        let asked = sql::<(Text, Nullable<Text>)>(&format!(
            "SELECT s.schema_name, t.table_comment FROM information_schema.schemata s \
             LEFT JOIN information_schema.tables t ON t.table_schema = s.schema_name AND t.table_name = '{NOTE}' \
             WHERE s.schema_name LIKE 'sf\\_%' ORDER BY s.schema_name"
        ));
        let rows: Vec<(String, Option<String>)> = asked
            .load(self.connection()?)
            .await
            .map_err(|error| in_words(&error))?;
        let found = |(name, note)| Found { name, note };
        Ok(rows.into_iter().map(found).collect())
    }

    async fn try_lock(&mut self, name: &str) -> Setup<bool> {
        let taken = self.number(&format!("GET_LOCK('{name}', 0)")).await?;
        Ok(taken == Some(1))
    }

    async fn unlock(&mut self, name: &str) -> Setup<()> {
        let unlock = format!("RELEASE_LOCK('{name}')");
        self.number(&unlock).await.map(drop)
    }

    async fn disconnect(&mut self, _name: &str) -> Setup<()> {
        // These statements wait for transactions that use the tables.
        Ok(())
    }

    async fn create(&mut self, name: &str, template: Option<&str>) -> Setup<()> {
        let script = match template {
            Some(template) => self.copy_of(template).await?,
            None => String::new(),
        };
        self.run_sql(&format!("CREATE DATABASE {name}")).await?;
        if script.is_empty() {
            return Ok(());
        }
        self.run_sql(&format!(
            "SET FOREIGN_KEY_CHECKS = 0; USE {name}; {script} SET FOREIGN_KEY_CHECKS = 1"
        ))
        .await
    }

    async fn note(&mut self, name: &str, note: &str) -> Setup<()> {
        let note = note.replace(['\'', '\\'], "");
        let note: String = note.chars().take(1000).collect();
        self.run_sql(&format!(
            "CREATE TABLE IF NOT EXISTS {name}.{NOTE} (id INTEGER); \
             ALTER TABLE {name}.{NOTE} COMMENT = '{note}'"
        ))
        .await
    }

    async fn rename(&mut self, _from: &str, _to: &str) -> Setup<()> {
        Err("a database cannot be renamed".to_owned())
    }

    async fn drop(&mut self, name: &str) -> Setup<()> {
        self.run_sql(&format!("DROP DATABASE IF EXISTS {name}"))
            .await
    }

    async fn run(settings: &Settings, statements: &str) -> Setup<()> {
        let opened = Self::open(settings).await.map_err(|error| error.0);
        let mut databases = opened?;
        databases.run_sql(statements).await?;
        // The driver's connections do not commit by themselves.
        databases.run_sql("COMMIT").await
    }

    fn url(server: &str, name: &str) -> String {
        let (scheme, rest) = server.split_once("://").unwrap_or(("mysql", server));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        // Parsed as the driver does: a password may contain a slash that is not percent-encoded.
        let hosts = rest.rfind('@').map_or(0, |at| at + 1);
        let end = rest[hosts..].find('/').map_or(rest.len(), |at| hosts + at);
        let rest = with_database(&rest[..end], query, "", name);
        format!("{scheme}://{rest}")
    }

    fn shown(server: &str, name: &str) -> String {
        let url = Self::url(server, name);
        let rest = url.split_once("://").map_or("", |(_, rest)| rest);
        let rest = rest.split('?').next().unwrap_or_default();
        format!("mysql://{}", without_password(rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_of_a_url_is_replaced_and_no_message_shows_its_password() {
        for (server, url, shown) in [
            ("mysql://h", "mysql://h/sf_1", "mysql://h/sf_1"),
            (
                "mariadb://ada:hun/ter2@h:1,i:2/app?charset=utf8mb4",
                "mariadb://ada:hun/ter2@h:1,i:2/sf_1?charset=utf8mb4",
                "mysql://ada@h:1,i:2/sf_1",
            ),
        ] {
            assert_eq!(MyDatabases::url(server, "sf_1"), url);
            assert_eq!(MyDatabases::shown(server, "sf_1"), shown);
        }
    }
}
