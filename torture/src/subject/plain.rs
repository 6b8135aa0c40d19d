//! A plain diesel-async connection, with hand-written code for everything else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use diesel::SqliteConnection;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{AsyncConnection as _, AsyncMysqlConnection, AsyncPgConnection};
use futures_util::future::BoxFuture;

use super::queries::queries;
use super::{Body, Db, Done};
use crate::case::Unit;

/// diesel-async's connection for SQLite.
pub(crate) type Lite = SyncConnectionWrapper<SqliteConnection>;

/// A connection in a transaction that other code ends.
pub(crate) struct Plain<'a, C> {
    connection: &'a mut C,
    extras: Arc<Extras>,
}

/// Parts of the transaction that must outlive the handle.
#[derive(Debug, Default)]
pub(crate) struct Extras {
    rollback_only: AtomicBool,
    committed: Mutex<Vec<Unit>>,
    rolled_back: Mutex<Vec<Unit>>,
}

impl Extras {
    pub(crate) fn is_rollback_only(&self) -> bool {
        self.rollback_only.load(Ordering::SeqCst)
    }

    /// Runs the hooks.
    pub(crate) fn ended(&self, committed: bool) {
        if committed {
            for unit in take(&self.committed) {
                unit.hooks(|hooks| hooks.saw_commit = true);
            }
        } else {
            for unit in take(&self.rolled_back) {
                unit.hooks(|hooks| hooks.saw_rollback = true);
            }
        }
    }
}

fn take(units: &Mutex<Vec<Unit>>) -> Vec<Unit> {
    std::mem::take(&mut *units.lock().unwrap_or_else(PoisonError::into_inner))
}

fn push(units: &Mutex<Vec<Unit>>, unit: &Unit) {
    let mut units = units.lock().unwrap_or_else(PoisonError::into_inner);
    units.push(unit.clone());
}

impl<'a, C> Plain<'a, C> {
    pub(crate) fn new(connection: &'a mut C) -> Self {
        Self::with(connection, Arc::default())
    }

    pub(crate) fn with(connection: &'a mut C, extras: Arc<Extras>) -> Self {
        Self { connection, extras }
    }
}

macro_rules! plain {
    ($connection:ty) => {
        queries!(['c] Plain<'c, $connection>, connection);

        impl<'c> Db for Plain<'c, $connection> {
            fn savepoint(&mut self, unit: Unit, body: Body) -> BoxFuture<'_, Done> {
                self.transaction(unit, body)
            }

            fn transaction(&mut self, unit: Unit, body: Body) -> BoxFuture<'_, Done> {
                let extras = Arc::clone(&self.extras);
                let nested = self.connection.transaction(
                    async move |connection: &mut $connection| {
                        body(&mut Plain::with(connection, extras), unit).await
                    },
                );
                Box::pin(nested)
            }

            fn raw(&mut self, unit: Unit, body: Body) -> BoxFuture<'_, Done> {
                body(self, unit)
            }

            fn commit(&mut self) -> BoxFuture<'_, Done> {
                Box::pin(async move {
                    use super::Queries as _;
                    self.batch("COMMIT").await?;
                    self.extras.ended(true);
                    Ok(self.batch("BEGIN").await?)
                })
            }

            fn rollback(&mut self) -> BoxFuture<'_, Done> {
                Box::pin(async move {
                    use super::Queries as _;
                    self.batch("ROLLBACK").await?;
                    self.extras.ended(false);
                    Ok(self.batch("BEGIN").await?)
                })
            }

            fn set_rollback_only(&mut self) {
                self.extras.rollback_only.store(true, Ordering::SeqCst);
            }

            fn after_commit(&mut self, unit: &Unit) {
                unit.hooks(|hooks| hooks.wants_commit = true);
                push(&self.extras.committed, unit);
            }

            fn after_rollback(&mut self, unit: &Unit) {
                unit.hooks(|hooks| hooks.wants_rollback = true);
                push(&self.extras.rolled_back, unit);
            }
        }
    };
}

plain!(AsyncPgConnection);
plain!(AsyncMysqlConnection);
plain!(Lite);
