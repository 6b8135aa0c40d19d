//! sqlx.

use std::sync::Arc;

use anyhow::Result;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions};
use sqlx::{Acquire as _, Row as _};
use tokio::sync::Notify;

use super::{PATIENCE, System};
use crate::unit::Unit;

pub(crate) const UPDATE: &str = "UPDATE counters SET n = n + 1 WHERE id = $1";
pub(crate) const SELECT: &str = "SELECT n FROM counters WHERE id = $1";

pub(crate) struct Sqlx(PgPool);

impl Sqlx {
    pub(crate) async fn new(url: &str, connections: u32) -> Result<Self> {
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(PATIENCE);
        Ok(Self(pool.connect(url).await?))
    }
}

async fn touch(connection: &mut PgConnection, unit: Unit) -> Result<()> {
    if unit.writes {
        sqlx::query(UPDATE)
            .bind(unit.row)
            .execute(connection)
            .await?;
    } else {
        let row = sqlx::query(SELECT)
            .bind(unit.row)
            .fetch_one(connection)
            .await?;
        let _n: i32 = row.get(0);
    }
    Ok(())
}

impl System for Sqlx {
    fn run(&self, unit: Unit) -> BoxFuture<'_, Result<()>> {
        async move {
            let mut transaction = self.0.begin().await?;
            for statement in 0..unit.statements {
                if statement == 0 && unit.savepoint {
                    let mut savepoint = transaction.begin().await?;
                    touch(&mut savepoint, unit).await?;
                    savepoint.commit().await?;
                } else {
                    touch(&mut transaction, unit).await?;
                }
            }
            if unit.commits {
                transaction.commit().await?;
            }
            // Otherwise the transaction is dropped, as it would be after a `?`.
            Ok(())
        }
        .boxed()
    }

    fn slow(&self, row: i32, seconds: f64, started: Arc<Notify>) -> BoxFuture<'_, Result<()>> {
        async move {
            let mut transaction = self.0.begin().await?;
            touch(&mut transaction, Unit::write(1).on_row(row)).await?;
            started.notify_one();
            sqlx::query("SELECT pg_sleep($1)")
                .bind(seconds)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(())
        }
        .boxed()
    }
}
