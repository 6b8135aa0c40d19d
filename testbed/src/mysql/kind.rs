//! MariaDB as a kind of server.

use std::fmt::Display;
use std::net::SocketAddr;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder, Row, Value};
use rustix::process::Signal;
use tokio::sync::OnceCell;

use super::{Admin, Binaries, Builder, Data};
use crate::Error;
use crate::server::{Kind, Rows, Shared};

/// MariaDB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mysql;

/// Settings that only MariaDB has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// True for a node of a cluster.
    pub(super) clustered: bool,
}

impl Kind for Mysql {
    const NAME: &'static str = "MariaDB";
    const SCHEME: &'static str = "mysql";
    const VARIABLE: &'static str = "SESSION_FACTORY_TEST_MYSQL";
    const USERS: &'static [&'static str] = &["mysql"];
    const FOLDER: &'static str = "session-factory-mysql-";
    const WHOLE: Option<&'static str> = None;
    const STOP: Signal = Signal::TERM;
    const PORT_IS_TAKEN: &'static str = "Can't start server: Bind on TCP/IP port";
    const START_LATER: Option<&'static str> = None;

    type Binaries = Binaries;
    type Options = Options;
    type Client = Conn;
    type Error = mysql_async::Error;

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
        let argument = |name: &str, value: &dyn Display| format!("--{name}={value}");
        vec![
            data.binaries.server().display().to_string(),
            argument("defaults-file", &data.config().display()),
            argument("init-file", &data.users().display()),
            argument("port", &port),
        ]
    }

    /// The server has created its users by itself.
    async fn prepare(_admin: Admin, _limit: u32) -> Result<(), Error> {
        Ok(())
    }

    async fn connect(
        address: SocketAddr,
        database: Option<&str>,
    ) -> Result<Conn, mysql_async::Error> {
        let opts = OptsBuilder::default()
            .ip_or_hostname(address.ip().to_string())
            .tcp_port(address.port())
            .user(Some("testbed"))
            .db_name(database)
            .prefer_socket(false);
        Conn::new(opts).await
    }

    async fn query(client: &mut Conn, sql: &str) -> Result<Rows, mysql_async::Error> {
        client.query::<Row, _>(sql).await.map(texts)
    }

    fn is_lost(_client: &Conn, error: &mysql_async::Error) -> bool {
        error.is_fatal()
    }

    fn describe(error: &mysql_async::Error) -> String {
        error.to_string()
    }

    fn create(name: &str) -> String {
        format!("CREATE DATABASE {name}")
    }

    /// The administrator: MariaDB's tables have no owner.
    fn as_owner(sql: &str) -> String {
        sql.to_owned()
    }

    async fn drop(admin: Admin, name: String) {
        // An open transaction would keep the tables locked.
        let _ = admin.terminate_all_of(&name).await;
        let sql = format!("DROP DATABASE IF EXISTS {name}");
        let _ = admin.try_rows(&sql).await;
    }

    fn shared() -> &'static Shared<Self> {
        static SHARED: Shared<Mysql> = OnceCell::const_new();
        &SHARED
    }
}

fn texts(rows: Vec<Row>) -> Rows {
    let text = |value: Value| match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        other => Some(other.as_sql(true)),
    };
    let row = |row: Row| row.unwrap().into_iter().map(text).collect();
    rows.into_iter().map(row).collect()
}
