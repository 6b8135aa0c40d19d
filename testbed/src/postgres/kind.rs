//! PostgreSQL as a kind of server.

use std::net::SocketAddr;
use std::time::Duration;

use rustix::process::Signal;
use tokio::sync::OnceCell;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::{Admin, Binaries, Builder, Data};
use crate::server::{Kind, Rows, Shared};
use crate::{Error, background};

/// PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Postgres;

/// Settings that only PostgreSQL has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    pub(super) fsync: bool,
}

impl Kind for Postgres {
    const NAME: &'static str = "PostgreSQL";
    const SCHEME: &'static str = "postgres";
    const VARIABLE: &'static str = "SESSION_FACTORY_TEST_POSTGRES";
    const USERS: &'static [&'static str] = &["postgres"];
    const FOLDER: &'static str = "session-factory-postgres-";
    const WHOLE: Option<&'static str> = Some("postgres");
    const STOP: Signal = Signal::INT;
    const PORT_IS_TAKEN: &'static str = "could not bind";
    /// A killed server's backends have not noticed its end yet.
    const START_LATER: Option<&'static str> = Some("is still in use");

    type Binaries = Binaries;
    type Options = Options;
    type Client = Client;
    type Error = tokio_postgres::Error;

    fn find_or_install() -> Result<Binaries, Error> {
        Binaries::find_or_install()
    }

    fn version(binaries: &Binaries) -> Result<String, Error> {
        binaries.version()
    }

    fn fill(data: &Data, builder: &Builder) -> Result<(), Error> {
        data.fill(builder)
    }

    fn command(data: &Data, port: u16) -> Vec<String> {
        let program = data.binaries.program("postgres").display().to_string();
        let folder = data.data().display().to_string();
        vec![program, "-D".into(), folder, "-p".into(), port.to_string()]
    }

    /// Creates the roles of the module's table.
    async fn prepare(admin: Admin, limit: u32) -> Result<(), Error> {
        let sql = format!(
            "CREATE ROLE app LOGIN CREATEDB CONNECTION LIMIT {limit}; \
             CREATE ROLE guarded LOGIN PASSWORD '{}' CONNECTION LIMIT {limit} IN ROLE app; \
             CREATE ROLE reader NOLOGIN; \
             GRANT reader TO app",
            super::PASSWORD
        );
        let done = admin.try_rows(&sql).await;
        done.map_err(|error| Error::new(format!("PostgreSQL: {}", Self::describe(&error))))?;
        Ok(())
    }

    async fn connect(
        address: SocketAddr,
        database: Option<&str>,
    ) -> Result<Client, tokio_postgres::Error> {
        let mut config = Config::new();
        config
            .host(address.ip().to_string())
            .port(address.port())
            .user("testbed")
            .application_name("testbed")
            .connect_timeout(Duration::from_secs(5));
        if let Some(database) = database {
            config.dbname(database);
        }
        let (client, connection) = config.connect(NoTls).await?;
        background::handle().spawn(connection);
        Ok(client)
    }

    async fn query(client: &mut Client, sql: &str) -> Result<Rows, tokio_postgres::Error> {
        let row = |message| match message {
            SimpleQueryMessage::Row(row) => Some(
                (0..row.len())
                    .map(|i| row.get(i).map(str::to_owned))
                    .collect(),
            ),
            _ => None,
        };
        let messages = client.simple_query(sql).await?;
        Ok(messages.into_iter().filter_map(row).collect())
    }

    fn is_lost(client: &Client, error: &tokio_postgres::Error) -> bool {
        error.is_closed() || client.is_closed()
    }

    fn describe(error: &tokio_postgres::Error) -> String {
        use std::error::Error as _;
        // The error's own text is only "db error".
        error
            .source()
            .map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
    }

    fn create(name: &str) -> String {
        create_like(name, "template0")
    }

    /// The role `app` owns what the statements create.
    fn as_owner(sql: &str) -> String {
        format!("SET ROLE app; {sql}; RESET ROLE")
    }

    async fn drop(admin: Admin, name: String) {
        let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        let _ = admin.try_rows(&sql).await;
    }

    fn shared() -> &'static Shared<Self> {
        static SHARED: Shared<Postgres> = OnceCell::const_new();
        &SHARED
    }
}

/// The SQL that creates a database as a copy of `template`.
pub(super) fn create_like(name: &str, template: &str) -> String {
    format!("CREATE DATABASE {name} OWNER app TEMPLATE {template}")
}
