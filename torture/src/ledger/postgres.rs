//! A bank on a private PostgreSQL server, with a proxy before it.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection as _;
use fastrand::Rng;
use futures_util::future::BoxFuture;
use session_factory::{Factory, Session, with_session};
use testbed::postgres::{Database, Server};
use testbed::proxy::Proxy;

use super::bank::{Bank, Books, TOTAL, Transfer, cut_somewhere, schema, unbalanced};
use crate::subject::{Done, PgDb, PgDbConfig};

const CONNECTIONS: u32 = 10;

#[with_session(retry = 3)]
async fn transfer(db: &mut Session<PgDb>, transfer: Transfer) -> Done {
    for (number, sql) in transfer.statements().iter().enumerate() {
        transfer.step(number);
        db.batch_execute(sql).await?;
    }
    transfer.step(3);
    Ok(())
}

pub(super) struct PgBank {
    factory: Factory<PgDb>,
    proxy: Proxy,
    database: Database,
    server: Server,
}

impl PgBank {
    pub(super) async fn open() -> Self {
        // Of deadlocks there are many, and each costs its wait.
        let server = Server::builder().config("deadlock_timeout", "30ms");
        let server = server.start().await;
        let database = server.database().await;
        database.execute(&schema()).await;
        let proxy = Proxy::start(server.address());
        let url = database.url_via(&proxy);
        let url = |key: &str| (key == "DATABASE_URL").then(|| url.clone());
        let mut config = PgDbConfig::from_vars(url).expect("the testbed's URL is valid");
        config.pool_size = CONNECTIONS;
        config.max_overflow = 0;
        config.pool_timeout = Duration::from_secs(5);
        config.connect_timeout = Duration::from_secs(3);
        Self {
            factory: Factory::new(config),
            proxy,
            database,
            server,
        }
    }
}

impl Bank for PgBank {
    fn transfer(&self, order: Transfer) -> BoxFuture<'_, Done> {
        Box::pin(self.factory.scope(transfer(order)))
    }

    fn restart(&self, number: u32) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if number.is_multiple_of(2) {
                self.server.kill().await;
            } else {
                self.server.stop().await;
            }
            self.server.start_again().await;
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
        Box::pin(async move {
            let admin = self.database.admin();
            let ids = "SELECT coalesce(string_agg(id::text, ','), '') FROM transfers";
            let ids = admin.text(ids).await;
            let total = admin.integer(TOTAL).await;
            Books::with_transfers(&ids, total, admin.integer(&unbalanced()).await)
        })
    }
}
