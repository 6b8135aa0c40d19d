//! diesel-async by hand, with bb8 and with deadpool.

use std::sync::Arc;

use anyhow::Result;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::Double;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::pooled_connection::{bb8, deadpool};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::Notify;

use super::{PATIENCE, System};
use crate::unit::Unit;

diesel::table! {
    counters (id) {
        id -> Integer,
        n -> Integer,
    }
}

/// `UPDATE counters SET n = n + 1 WHERE id = $1`
pub(super) fn update(
    row: i32,
) -> impl diesel::query_builder::QueryFragment<Pg> + diesel::query_builder::QueryId + Send + use<> {
    diesel::update(counters::table.find(row)).set(counters::n.eq(counters::n + 1))
}

pub(super) async fn read<C>(connection: &mut C, row: i32) -> QueryResult<i32>
where
    C: AsyncConnection<Backend = Pg> + Send,
{
    counters::table
        .find(row)
        .select(counters::n)
        .get_result(connection)
        .await
}

/// Runs one of the unit's statements.
pub(super) async fn touch<C>(connection: &mut C, unit: Unit) -> QueryResult<()>
where
    C: AsyncConnection<Backend = Pg> + Send,
{
    if unit.writes {
        update(unit.row).execute(connection).await?;
    } else {
        read(connection, unit.row).await?;
    }
    Ok(())
}

pub(super) async fn pause<C>(connection: &mut C, seconds: f64) -> QueryResult<()>
where
    C: AsyncConnection<Backend = Pg> + Send,
{
    diesel::sql_query("SELECT pg_sleep($1)")
        .bind::<Double, _>(seconds)
        .execute(connection)
        .await?;
    Ok(())
}

async fn unit(connection: &mut AsyncPgConnection, unit: Unit) -> Result<()> {
    let ended = connection
        .transaction(async |connection| {
            for statement in 0..unit.statements {
                if statement == 0 && unit.savepoint {
                    connection
                        .transaction(async |connection| touch(connection, unit).await)
                        .await?;
                } else {
                    touch(connection, unit).await?;
                }
            }
            if unit.commits {
                Ok(())
            } else {
                Err(Error::RollbackTransaction)
            }
        })
        .await;
    match ended {
        Err(Error::RollbackTransaction) => Ok(()),
        ended => Ok(ended?),
    }
}

async fn slow(
    connection: &mut AsyncPgConnection,
    row: i32,
    seconds: f64,
    started: &Notify,
) -> Result<()> {
    let ended = connection
        .transaction(async |connection| {
            touch(connection, Unit::write(1).on_row(row)).await?;
            started.notify_one();
            pause(connection, seconds).await
        })
        .await;
    Ok(ended?)
}

type Manager = AsyncDieselConnectionManager<AsyncPgConnection>;

pub(crate) struct Bb8(bb8::Pool<AsyncPgConnection>);

impl Bb8 {
    pub(crate) async fn new(url: &str, connections: u32) -> Result<Self> {
        let pool = bb8::Pool::builder()
            .max_size(connections)
            .connection_timeout(PATIENCE);
        Ok(Self(pool.build(Manager::new(url)).await?))
    }
}

impl System for Bb8 {
    fn run(&self, what: Unit) -> BoxFuture<'_, Result<()>> {
        async move { unit(&mut *self.0.get().await?, what).await }.boxed()
    }

    fn slow(&self, row: i32, seconds: f64, started: Arc<Notify>) -> BoxFuture<'_, Result<()>> {
        async move { slow(&mut *self.0.get().await?, row, seconds, &started).await }.boxed()
    }
}

pub(crate) struct Deadpool(deadpool::Pool<AsyncPgConnection>);

impl Deadpool {
    pub(crate) fn new(url: &str, connections: u32) -> Result<Self> {
        let pool = deadpool::Pool::builder(Manager::new(url)).max_size(connections as usize);
        Ok(Self(pool.build()?))
    }
}

impl System for Deadpool {
    fn run(&self, what: Unit) -> BoxFuture<'_, Result<()>> {
        async move { unit(&mut *self.0.get().await?, what).await }.boxed()
    }

    fn slow(&self, row: i32, seconds: f64, started: Arc<Notify>) -> BoxFuture<'_, Result<()>> {
        async move { slow(&mut *self.0.get().await?, row, seconds, &started).await }.boxed()
    }
}
