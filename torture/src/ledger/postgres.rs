//! A bank on a private PostgreSQL server behind a proxy, and optionally PgBouncer.

use std::time::Duration;

use diesel::sql_query;
use diesel_async::SimpleAsyncConnection as _;
use fastrand::Rng;
use futures_util::future::BoxFuture;
use session_factory::{Factory, Session, with_session};
use testbed::pgbouncer::{PgBouncer, PoolMode};
use testbed::postgres::{Admin, Builder, Database, Server};
use testbed::proxy::Proxy;

use super::bank::{
    Bank, Books, Happened, TOTAL, There, Transfer, cut_somewhere, is_there, schema, unbalanced,
};
use crate::subject::{Done, PgDb, PgDbConfig};

const CONNECTIONS: u32 = 10;
/// The pooler's connections to the server. They are fewer, so that one client connection's
/// transactions use several of them.
const POOLED: u32 = 5;

#[with_session(retry = 3)]
pub(super) async fn transfer(db: &mut Session<PgDb>, transfer: Transfer) -> Done {
    for (number, sql) in transfer.statements().iter().enumerate() {
        transfer.step(number);
        db.batch_execute(sql).await?;
    }
    transfer.step(3);
    Ok(())
}

#[with_session(read_only)]
pub(super) async fn sees(db: &mut Session<PgDb>, id: u64) -> Done<bool> {
    use diesel_async::RunQueryDsl as _; // its `execute` would hide the testbed's

    let there: There = sql_query(is_there(id)).get_result(db).await?;
    Ok(there.count > 0)
}

/// Transfers often deadlock, and each deadlock costs this timeout.
pub(super) fn server() -> Builder {
    Server::builder().config("deadlock_timeout", "30ms")
}

pub(super) fn factory(url: &str, replica_url: Option<&str>) -> Factory<PgDb> {
    let value = |key: &str| match key {
        "DATABASE_URL" => Some(url.to_owned()),
        "DATABASE_REPLICA_URL" => replica_url.map(str::to_owned),
        _ => None,
    };
    let mut config = PgDbConfig::from_vars(value).expect("the testbed's URL is valid");
    config.pool_size = CONNECTIONS;
    config.max_overflow = 0;
    config.pool_timeout = Duration::from_secs(5);
    config.connect_timeout = Duration::from_secs(3);
    Factory::new(config)
}

pub(super) async fn books(admin: &Admin) -> Books {
    let ids = "SELECT coalesce(string_agg(id::text, ','), '') FROM transfers";
    let ids = admin.text(ids).await;
    let total = admin.integer(TOTAL).await;
    Books::with_transfers(&ids, total, admin.integer(&unbalanced()).await)
}

pub(super) struct PgBank {
    factory: Factory<PgDb>,
    proxy: Proxy,
    pooler: Option<PgBouncer>,
    database: Database,
    server: Server,
}

impl PgBank {
    pub(super) async fn open() -> Self {
        Self::with(server().start().await, None).await
    }

    pub(super) async fn behind_pgbouncer() -> Self {
        let server = server().start().await;
        let pooler =
            PgBouncer::with_pool_size(server.address(), PoolMode::Transaction, POOLED).await;
        Self::with(server, Some(pooler)).await
    }

    async fn with(server: Server, pooler: Option<PgBouncer>) -> Self {
        let database = server.database().await;
        database.execute(&schema()).await;
        let behind = pooler.as_ref().map_or(server.address(), PgBouncer::address);
        let proxy = Proxy::start(behind);
        Self {
            factory: factory(&database.url_via(&proxy), None),
            proxy,
            pooler,
            database,
            server,
        }
    }
}

impl Bank for PgBank {
    fn transfer(&self, order: Transfer) -> BoxFuture<'_, Done> {
        Box::pin(self.factory.scope(transfer(order)))
    }

    fn sees(&self, id: u64) -> BoxFuture<'_, Done<bool>> {
        Box::pin(self.factory.scope(sees(id)))
    }

    fn restart(&self, number: u32) -> BoxFuture<'_, Happened> {
        Box::pin(async move {
            match &self.pooler {
                // Every third restart restarts the pooler instead of the server.
                Some(pooler) if number % 3 == 2 => {
                    pooler.stop().await;
                    pooler.start_again().await;
                    return Happened::Restarted;
                }
                _ if number.is_multiple_of(2) => self.server.kill().await,
                _ => self.server.stop().await,
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
