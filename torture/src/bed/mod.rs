//! One lane's database, and the auditor's view of it.

mod mysql;
mod postgres;
mod scene;
mod sqlite;

use std::sync::Arc;

pub(crate) use self::mysql::{MyBed, Server as MyServer};
pub(crate) use self::postgres::{PgBed, Server};
pub(crate) use self::scene::{Found, Scene};
pub(crate) use self::sqlite::LiteBed;
use crate::backend::Backend;
use crate::naive;
use crate::subject::{Subject, ours};
use crate::workloads::Setup;

/// What is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Against {
    /// The library.
    Ours,
    /// The hand-written wrapper.
    Naive,
}

/// A database and its auditor.
pub(crate) enum Bed {
    Postgres(Box<PgBed>),
    Mysql(Box<MyBed>),
    Sqlite(Box<LiteBed>),
}

impl Bed {
    pub(crate) fn backend(&self) -> Backend {
        match self {
            Self::Postgres(bed) if bed.is_pooled() => Backend::Pgbouncer,
            Self::Postgres(_) => Backend::Postgres,
            Self::Mysql(_) => Backend::Mysql,
            Self::Sqlite(_) => Backend::Sqlite,
        }
    }

    /// Creates a subject with its own pool on this database.
    pub(crate) async fn subject(&mut self, against: Against, setup: Setup) -> Arc<dyn Subject> {
        match (self, against) {
            (Self::Postgres(bed), Against::Naive) => {
                Arc::new(naive::postgres::Naive::new(&bed.url()).await)
            }
            (Self::Mysql(bed), Against::Naive) => {
                Arc::new(naive::mysql::Naive::new(&bed.url()).await)
            }
            (Self::Sqlite(bed), Against::Naive) => {
                Arc::new(naive::sqlite::Naive::new(&bed.url()).await)
            }
            (Self::Postgres(bed), Against::Ours) => match setup {
                Setup::Foreign => Arc::new(ours::postgres::Ours::from_pool(&bed.url()).await),
                _ => Arc::new(ours::postgres::Ours::new(&bed.url())),
            },
            (Self::Mysql(bed), Against::Ours) => match setup {
                Setup::Foreign => Arc::new(ours::mysql::Ours::from_pool(&bed.url()).await),
                _ => Arc::new(ours::mysql::Ours::new(&bed.url())),
            },
            (Self::Sqlite(bed), Against::Ours) => match setup {
                Setup::Foreign => Arc::new(ours::sqlite::Ours::from_pool(&bed.url()).await),
                _ => Arc::new(ours::sqlite::Ours::new(&bed.url())),
            },
        }
    }

    /// The database's state, and the rows of a case that other connections see.
    pub(crate) async fn scene(&mut self, case: i64) -> Scene {
        match self {
            Self::Postgres(bed) => bed.scene(case).await,
            Self::Mysql(bed) => bed.scene(case).await,
            Self::Sqlite(bed) => bed.scene(case),
        }
    }

    /// Called after the pool was closed, which ends its connections. A pooler's connections to the
    /// server stay, so they are ended here.
    pub(crate) async fn pool_closed(&mut self) {
        if self.backend() == Backend::Pgbouncer {
            self.clear().await;
        }
    }

    /// Ends all connections after a violation.
    pub(crate) async fn clear(&mut self) {
        match self {
            Self::Postgres(bed) => bed.terminate_all().await,
            Self::Mysql(bed) => bed.terminate_all().await,
            Self::Sqlite(_) => {}
        }
    }
}
