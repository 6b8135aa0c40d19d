//! session-factory.

use std::sync::Arc;

use anyhow::Result;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use session_factory::{Factory, Session, SessionError, session_factory, with_session};
use tokio::sync::Notify;

use super::diesel::{pause, read, touch, update};
use super::{PATIENCE, System};
use crate::unit::Unit;

session_factory! {
    /// The benchmarks' database.
    pub(crate) struct BenchDb(Postgres);
}

pub(crate) struct Ours {
    factory: Factory<BenchDb>,
}

impl Ours {
    pub(crate) fn new(url: &str, connections: u32) -> Result<Self> {
        let factory = factory(url, connections)?;
        Ok(Self { factory })
    }
}

/// A factory with at most `connections` connections.
pub(crate) fn factory(url: &str, connections: u32) -> Result<Factory<BenchDb>> {
    let mut config =
        BenchDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| url.to_owned()))?;
    config.pool_size = connections;
    config.max_overflow = 0;
    config.pool_timeout = PATIENCE;
    Ok(Factory::new(config))
}

#[with_session]
async fn write_unit(db: &mut Session<BenchDb>, unit: Unit) -> Result<(), SessionError> {
    let last = unit.statements - 1;
    for statement in 0..unit.statements {
        if statement == 0 && unit.savepoint {
            db.savepoint(async |db| touch(db, unit).await).await?;
        } else if statement == last && unit.commit_with {
            db.commit_with(update(unit.row)).await?;
        } else {
            touch(db, unit).await?;
        }
    }
    if unit.commits {
        Ok(())
    } else {
        Err(diesel::result::Error::RollbackTransaction.into())
    }
}

#[with_session(read_only)]
async fn read_unit(db: &mut Session<BenchDb>, unit: Unit) -> Result<(), SessionError> {
    for _ in 0..unit.statements {
        read(db, unit.row).await?;
    }
    Ok(())
}

#[with_session]
async fn slow_unit(
    db: &mut Session<BenchDb>,
    row: i32,
    seconds: f64,
    started: &Notify,
) -> Result<(), SessionError> {
    touch(db, Unit::write(1).on_row(row)).await?;
    started.notify_one();
    pause(db, seconds).await?;
    Ok(())
}

impl System for Ours {
    fn run(&self, unit: Unit) -> BoxFuture<'_, Result<()>> {
        let run = async move {
            let ended = if unit.writes {
                write_unit(unit).await
            } else {
                read_unit(unit).await
            };
            match ended {
                Err(SessionError::Query(diesel::result::Error::RollbackTransaction)) => Ok(()),
                ended => Ok(ended?),
            }
        };
        self.factory.scope(run).boxed()
    }

    fn slow(&self, row: i32, seconds: f64, started: Arc<Notify>) -> BoxFuture<'_, Result<()>> {
        let run = async move { Ok(slow_unit(row, seconds, &started).await?) };
        self.factory.scope(run).boxed()
    }
}
