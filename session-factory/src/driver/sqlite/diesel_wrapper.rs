//! A connection inside diesel-async's wrapper: one of an external pool, or one that the body asked
//! for.

use std::future::poll_fn;
use std::sync::{Arc, MutexGuard};

use diesel::QueryResult;
use diesel::connection::{AnsiTransactionManager, Connection as _, TransactionManager};
use diesel::result::ConnectionError;
use diesel::sqlite::SqliteConnection;
use diesel_async::AsyncConnection as _;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use tokio::runtime::{Builder, Runtime};

use super::leftover::{Connection, Leftover};
use crate::driver::raw_transaction;
use crate::panics::contained;
use crate::sync::Mutex;

/// diesel-async's connection type for SQLite.
pub(crate) type Wrapper = SyncConnectionWrapper<SqliteConnection>;

pub(super) type External = bb8::PooledConnection<'static, AsyncDieselConnectionManager<Wrapper>>;

pub(super) enum DieselWrapper {
    /// A connection of the factory, lent to a session's body.
    Raw {
        wrapper: Wrapper,
        back: Back,
        _thread: OneThread,
    },
    /// A connection of the external pool.
    External(External),
}

/// Receives the connection that is taken out of its wrapper, even if the future that asked for it
/// was dropped.
#[derive(Clone, Default)]
pub(super) struct Back(Arc<Mutex<Option<SqliteConnection>>>);

impl Back {
    fn slot(&self) -> MutexGuard<'_, Option<SqliteConnection>> {
        self.0.lock()
    }

    /// Moves the connection out of the wrapper. The wrapper cannot be emptied, so it gets another
    /// connection in exchange.
    pub(super) fn fill(&self, connection: &mut SqliteConnection) -> Result<(), ConnectionError> {
        let other = SqliteConnection::establish(":memory:")?;
        *self.slot() = Some(std::mem::replace(connection, other));
        Ok(())
    }
}

/// A runtime with one blocking thread. So the wrapper's work runs in the order in which its futures are first polled.
pub(super) struct OneThread(Option<Runtime>);

impl DieselWrapper {
    pub(super) fn raw(connection: Connection) -> Result<Self, (Connection, std::io::Error)> {
        let made = Builder::new_current_thread()
            .max_blocking_threads(1)
            .thread_name("session-factory-sqlite")
            .build();
        let runtime = match made {
            Ok(runtime) => runtime,
            Err(error) => return Err((connection, error)),
        };
        // The wrapper uses the runtime in which it is created.
        let wrapper = {
            let _context = runtime.enter();
            Wrapper::new(*connection)
        };
        Ok(Self::Raw {
            wrapper,
            back: Back::default(),
            _thread: OneThread(Some(runtime)),
        })
    }

    pub(super) fn wrapper(&mut self) -> &mut Wrapper {
        match self {
            Self::Raw { wrapper, .. } => wrapper,
            Self::External(connection) => connection,
        }
    }

    /// True if the last work on the connection panicked. diesel-async records that until other work runs. It then
    /// panics when it is asked for the transaction's state, so this asks for that state.
    pub(super) fn has_panicked(&mut self) -> bool {
        let asked = contained(|| {
            let _its_state = self.wrapper().transaction_state();
        });
        asked.is_none()
    }

    /// Returns where the connection comes back to, or `None` if it belongs to the external pool.
    pub(super) fn back(&self) -> Option<Back> {
        match self {
            Self::External(_) => None,
            Self::Raw { back, .. } => Some(back.clone()),
        }
    }

    /// Makes the external pool close its connection. Blocks the thread until a dropped statement's
    /// work has ended.
    pub(super) fn break_off(&mut self, leftover: Option<Leftover>) {
        let Self::External(connection) = self else {
            return;
        };
        let Ok(runtime) = crate::runtime::handle() else {
            return;
        };
        runtime.block_on(async {
            if let Some(mut leftover) = leftover {
                poll_fn(|cx| leftover.poll(cx)).await;
            }
            let broken_off = connection.spawn_blocking(|connection| {
                break_off(connection);
                Ok(())
            });
            let _its_runtime_is_gone = broken_off.await;
        });
    }

    /// Returns the connection, if it has been moved out of its wrapper.
    pub(super) fn take_back(&self) -> Option<Connection> {
        match self {
            Self::External(_) => None,
            Self::Raw { back, .. } => back.slot().take().map(Box::new),
        }
    }
}

impl Drop for OneThread {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Records the open transaction in diesel's transaction manager.
pub(super) fn enter(connection: &mut SqliteConnection) -> QueryResult<()> {
    raw_transaction::enter(AnsiTransactionManager::transaction_manager_status_mut(
        connection,
    ))
}

/// Resets diesel's transaction manager to "no transaction". True if the body had left a transaction of its own open.
pub(super) fn leave(connection: &mut SqliteConnection) -> bool {
    let status = AnsiTransactionManager::transaction_manager_status_mut(connection);
    let is_unbalanced = raw_transaction::is_unbalanced(status);
    *connection.transaction_state() = AnsiTransactionManager::default();
    is_unbalanced
}

/// Makes diesel-async's pool close the connection.
pub(super) fn break_off(connection: &mut SqliteConnection) {
    AnsiTransactionManager::transaction_manager_status_mut(connection).set_in_error();
}
