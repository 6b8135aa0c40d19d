//! A bank in an SQLite file. Instead of a server, the application's factory restarts; instead of
//! cut connections, another program's lock on the file interferes.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::sql_query;
use diesel_async::SimpleAsyncConnection as _;
use fastrand::Rng;
use futures_util::future::BoxFuture;
use session_factory::{Factory, Session, with_session};
use testbed::sqlite::Database;
use tokio::time::sleep;

use super::bank::{Bank, Books, Happened, TOTAL, There, Transfer, is_there, schema, unbalanced};
use crate::subject::{Done, LiteDb, LiteDbConfig};

#[with_session(retry = 3)]
async fn transfer(db: &mut Session<LiteDb>, transfer: Transfer) -> Done {
    for (number, sql) in transfer.statements().iter().enumerate() {
        transfer.step(number);
        db.batch_execute(sql).await?;
    }
    transfer.step(3);
    Ok(())
}

#[with_session(read_only)]
async fn sees(db: &mut Session<LiteDb>, id: u64) -> Done<bool> {
    use diesel_async::RunQueryDsl as _; // its `execute` would hide the testbed's

    let there: There = sql_query(is_there(id)).get_result(db).await?;
    Ok(there.count > 0)
}

pub(super) struct LiteBank {
    factory: Mutex<Factory<LiteDb>>,
    database: Database,
}

impl LiteBank {
    pub(super) fn open() -> Self {
        let database = Database::new();
        database.execute(&schema());
        Self {
            factory: Mutex::new(new_factory(&database)),
            database,
        }
    }

    fn factory(&self) -> MutexGuard<'_, Factory<LiteDb>> {
        self.factory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn new_factory(database: &Database) -> Factory<LiteDb> {
    let url = |key: &str| (key == "DATABASE_URL").then(|| database.url());
    let config = LiteDbConfig::from_vars(url).expect("the testbed's URL is valid");
    Factory::new(config)
}

impl Bank for LiteBank {
    fn transfer(&self, order: Transfer) -> BoxFuture<'_, Done> {
        let factory = self.factory().clone();
        Box::pin(async move { factory.scope(transfer(order)).await })
    }

    fn sees(&self, id: u64) -> BoxFuture<'_, Done<bool>> {
        let factory = self.factory().clone();
        Box::pin(async move { factory.scope(sees(id)).await })
    }

    fn restart(&self, number: u32) -> BoxFuture<'_, Happened> {
        Box::pin(async move {
            let old = self.factory().clone();
            // Alternate: do not wait for open sessions, or wait for a while.
            let limit = Duration::from_millis(if number.is_multiple_of(2) { 0 } else { 200 });
            old.shutdown(limit).await;
            *self.factory() = new_factory(&self.database);
            Happened::Restarted
        })
    }

    fn cut<'a>(&'a self, random: &'a mut Rng) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let mut other = self.database.connection();
            if other.batch_execute("BEGIN IMMEDIATE").is_ok() {
                sleep(Duration::from_millis(random.u64(1..100))).await;
            }
            // Closing the connection ends its transaction.
            drop(other);
            true
        })
    }

    fn calm(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn is_quiet(&self) -> bool {
        let status = self.factory().status();
        status.in_use == 0 && status.recovering == 0
    }

    fn books(&self) -> BoxFuture<'_, Books> {
        let ids = "SELECT coalesce(group_concat(id), '') FROM transfers";
        let books = Books::with_transfers(
            &self.database.text(ids),
            self.database.integer(TOTAL),
            self.database.integer(&unbalanced()),
        );
        Box::pin(std::future::ready(books))
    }
}
