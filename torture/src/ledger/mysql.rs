//! A bank on a private MariaDB server behind a proxy.

use std::time::Duration;

use diesel::sql_query;
use diesel_async::SimpleAsyncConnection as _;
use fastrand::Rng;
use futures_util::future::BoxFuture;
use session_factory::{Factory, Session, with_session};
use testbed::mysql::{Admin, Database, Server};
use testbed::proxy::{Protocol, Proxy};

use super::bank::{
    Bank, Books, Happened, There, Transfer, cut_somewhere, is_there, schema, unbalanced,
};
use crate::subject::{Done, MyDb, MyDbConfig};

const CONNECTIONS: u32 = 10;

#[with_session(retry = 3)]
pub(super) async fn transfer(db: &mut Session<MyDb>, transfer: Transfer) -> Done {
    for (number, sql) in transfer.statements().iter().enumerate() {
        transfer.step(number);
        db.batch_execute(sql).await?;
    }
    transfer.step(3);
    Ok(())
}

#[with_session(read_only)]
pub(super) async fn sees(db: &mut Session<MyDb>, id: u64) -> Done<bool> {
    use diesel_async::RunQueryDsl as _; // its `execute` would hide the testbed's

    let there: There = sql_query(is_there(id)).get_result(db).await?;
    Ok(there.count > 0)
}

pub(super) struct MyBank {
    factory: Factory<MyDb>,
    proxy: Proxy,
    database: Database,
    server: Server,
}

impl MyBank {
    pub(super) async fn open() -> Self {
        let server = Server::start().await;
        let database = server.database().await;
        found(&database.admin()).await;
        let proxy = Proxy::with_protocol(server.address(), Protocol::Mysql);
        Self {
            factory: factory(&database.url_via(&proxy)),
            proxy,
            database,
            server,
        }
    }
}

/// Creates the tables one by one, because a text can contain one statement only.
pub(super) async fn found(admin: &Admin) {
    for statement in schema().split(';') {
        admin.execute(statement).await;
    }
}

pub(super) fn factory(url: &str) -> Factory<MyDb> {
    let url = |key: &str| (key == "DATABASE_URL").then(|| url.to_owned());
    let mut config = MyDbConfig::from_vars(url).expect("the testbed's URL is valid");
    config.pool_size = CONNECTIONS;
    config.max_overflow = 0;
    config.pool_timeout = Duration::from_secs(5);
    config.connect_timeout = Duration::from_secs(3);
    Factory::new(config)
}

pub(super) async fn books(admin: &Admin) -> Books {
    let rows = admin.rows("SELECT id FROM transfers").await;
    let ids: Vec<_> = rows.into_iter().flatten().flatten().collect();
    let total = admin.integer("SELECT sum(balance) FROM accounts").await;
    Books::with_transfers(&ids.join(","), total, admin.integer(&unbalanced()).await)
}

impl Bank for MyBank {
    fn transfer(&self, order: Transfer) -> BoxFuture<'_, Done> {
        Box::pin(self.factory.scope(transfer(order)))
    }

    fn sees(&self, id: u64) -> BoxFuture<'_, Done<bool>> {
        Box::pin(self.factory.scope(sees(id)))
    }

    fn restart(&self, number: u32) -> BoxFuture<'_, Happened> {
        Box::pin(async move {
            if number.is_multiple_of(2) {
                self.server.kill().await;
            } else {
                self.server.stop().await;
            }
            self.server.start_again().await;
            Happened::Restarted
        })
    }

    fn cut<'a>(&'a self, random: &'a mut Rng) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            cut_somewhere(&self.proxy, random).await;
            true
        })
    }

    fn calm(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.proxy.resume())
    }

    fn is_quiet(&self) -> bool {
        let status = self.factory.status();
        status.in_use == 0 && status.recovering == 0
    }

    fn books(&self) -> BoxFuture<'_, Books> {
        Box::pin(async move { books(&self.database.admin()).await })
    }
}
