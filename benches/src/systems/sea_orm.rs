//! SeaORM.

use std::sync::Arc;

use anyhow::Result;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, Statement, TransactionError, TransactionTrait,
};
use tokio::sync::Notify;

use super::sqlx::{SELECT, UPDATE};
use super::{PATIENCE, System};
use crate::unit::Unit;

pub(crate) struct SeaOrm(DatabaseConnection);

impl SeaOrm {
    pub(crate) async fn new(url: &str, connections: u32) -> Result<Self> {
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(connections)
            .acquire_timeout(PATIENCE)
            .sqlx_logging(false);
        Ok(Self(Database::connect(options).await?))
    }
}

fn statement(sql: &str, value: impl Into<sea_orm::Value>) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, sql, [value.into()])
}

async fn touch(transaction: &DatabaseTransaction, unit: Unit) -> Result<(), DbErr> {
    if unit.writes {
        transaction.execute_raw(statement(UPDATE, unit.row)).await?;
    } else {
        let row = transaction
            .query_one_raw(statement(SELECT, unit.row))
            .await?;
        let row = row.ok_or_else(|| DbErr::RecordNotFound("counters".to_owned()))?;
        let _n: i32 = row.try_get_by_index(0)?;
    }
    Ok(())
}

fn plain(error: TransactionError<DbErr>) -> DbErr {
    match error {
        TransactionError::Connection(error) | TransactionError::Transaction(error) => error,
    }
}

impl System for SeaOrm {
    fn run(&self, unit: Unit) -> BoxFuture<'_, Result<()>> {
        async move {
            let ended = self
                .0
                .transaction::<_, (), DbErr>(|transaction| {
                    Box::pin(async move {
                        for number in 0..unit.statements {
                            if number == 0 && unit.savepoint {
                                transaction
                                    .transaction::<_, (), DbErr>(|inner| {
                                        Box::pin(async move { touch(inner, unit).await })
                                    })
                                    .await
                                    .map_err(plain)?;
                            } else {
                                touch(transaction, unit).await?;
                            }
                        }
                        if unit.commits {
                            Ok(())
                        } else {
                            Err(DbErr::Custom("refused".to_owned()))
                        }
                    })
                })
                .await;
            match ended.map_err(plain) {
                Err(DbErr::Custom(_)) => Ok(()),
                ended => Ok(ended?),
            }
        }
        .boxed()
    }

    fn slow(&self, row: i32, seconds: f64, started: Arc<Notify>) -> BoxFuture<'_, Result<()>> {
        async move {
            let ended = self
                .0
                .transaction::<_, (), DbErr>(|transaction| {
                    Box::pin(async move {
                        touch(transaction, Unit::write(1).on_row(row)).await?;
                        started.notify_one();
                        transaction
                            .execute_raw(statement("SELECT pg_sleep($1)", seconds))
                            .await?;
                        Ok(())
                    })
                })
                .await;
            Ok(ended.map_err(plain)?)
        }
        .boxed()
    }
}
