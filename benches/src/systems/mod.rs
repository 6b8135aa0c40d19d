//! The library and its alternatives, each with its documented way to run a transaction.

mod diesel;
mod ours;
mod python;
mod sea_orm;
mod sqlx;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use futures_util::future::BoxFuture;
use tokio::sync::Notify;

pub(crate) use self::ours::{BenchDb, factory};
pub(crate) use self::python::{Python, versions as python_versions};
use crate::unit::Unit;

/// No system's own timeout may end a wait for a connection: the benchmark measures the wait.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60 * 60);

/// A pool, and a way to run a transaction.
pub(crate) trait System: Send + Sync {
    /// Runs one transaction to its end.
    fn run(&self, unit: Unit) -> BoxFuture<'_, Result<()>>;

    /// Changes a row, notifies `started`, and runs a query that takes `seconds`.
    fn slow(&self, row: i32, seconds: f64, started: Arc<Notify>) -> BoxFuture<'_, Result<()>>;
}

/// The measured systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ours,
    Bb8,
    Deadpool,
    Sqlx,
    SeaOrm,
    SqlAlchemy,
    /// With `pool_pre_ping`, which is off by default.
    SqlAlchemyPrePing,
}

impl Kind {
    /// The systems of every measurement.
    pub(crate) const ALL: [Self; 6] = [
        Self::Ours,
        Self::Bb8,
        Self::Deadpool,
        Self::Sqlx,
        Self::SeaOrm,
        Self::SqlAlchemy,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "session-factory",
            Self::Bb8 => "diesel-async + bb8",
            Self::Deadpool => "diesel-async + deadpool",
            Self::Sqlx => "sqlx",
            Self::SeaOrm => "SeaORM",
            Self::SqlAlchemy => "SQLAlchemy + psycopg",
            Self::SqlAlchemyPrePing => "SQLAlchemy + psycopg, pre-ping",
        }
    }

    /// Opens a pool with at most `connections` connections.
    pub(crate) async fn open(self, url: &str, connections: u32) -> Result<Arc<dyn System>> {
        Ok(match self {
            Self::Ours => Arc::new(ours::Ours::new(url, connections)?),
            Self::Bb8 => Arc::new(diesel::Bb8::new(url, connections).await?),
            Self::Deadpool => Arc::new(diesel::Deadpool::new(url, connections)?),
            Self::Sqlx => Arc::new(sqlx::Sqlx::new(url, connections).await?),
            Self::SeaOrm => Arc::new(sea_orm::SeaOrm::new(url, connections).await?),
            Self::SqlAlchemy => Arc::new(Python::start(url, connections, false)?),
            Self::SqlAlchemyPrePing => Arc::new(Python::start(url, connections, true)?),
        })
    }

    /// Starts the process of a system in another language.
    pub(crate) fn python(self, url: &str, connections: u32) -> Result<Option<Python>> {
        Ok(match self {
            Self::SqlAlchemy => Some(Python::start(url, connections, false)?),
            Self::SqlAlchemyPrePing => Some(Python::start(url, connections, true)?),
            _ => None,
        })
    }
}
