//! A connection in diesel-async's hands: an application's own, or one that the body asked for.

use std::future::poll_fn;
use std::sync::{Arc, MutexGuard};

use diesel::QueryResult;
use diesel::connection::{
    AnsiTransactionManager, Connection as _, TransactionDepthChange, TransactionManager,
    TransactionManagerStatus,
};
use diesel::result::ConnectionError;
use diesel::sqlite::SqliteConnection;
use diesel_async::AsyncConnection as _;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use tokio::runtime::{Builder, Runtime};

use super::leftover::{Connection, Leftover};
use crate::panics::contained;
use crate::sync::Mutex;

/// The connection type of diesel-async for SQLite.
pub(crate) type Wrapper = SyncConnectionWrapper<SqliteConnection>;

pub(super) type Foreign = bb8::PooledConnection<'static, AsyncDieselConnectionManager<Wrapper>>;

pub(super) enum DieselWrapper {
    /// For the body of a session.
    Raw {
        wrapper: Wrapper,
        back: Back,
        _thread: OneThread,
    },
    /// From the application's pool.
    Foreign(Foreign),
}

/// Where the connection is put when it is taken out of its wrapper: nobody may be there to receive it.
#[derive(Clone, Default)]
pub(super) struct Back(Arc<Mutex<Option<SqliteConnection>>>);

impl Back {
    fn slot(&self) -> MutexGuard<'_, Option<SqliteConnection>> {
        self.0.lock()
    }

    /// The wrapper gives no connection away: it keeps another one.
    pub(super) fn fill(&self, connection: &mut SqliteConnection) -> Result<(), ConnectionError> {
        let other = SqliteConnection::establish(":memory:")?;
        *self.slot() = Some(std::mem::replace(connection, other));
        Ok(())
    }
}

/// A runtime with one blocking thread: the wrapper's work is done in the order of its first polls.
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
        // The wrapper takes the runtime it is made in for its own.
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
            Self::Foreign(connection) => connection,
        }
    }

    /// What ran last on the connection panicked. diesel-async keeps that until something else runs there, and says so by
    /// a panic of its own.
    pub(super) fn has_panicked(&mut self) -> bool {
        let asked = contained(|| {
            let _its_state = self.wrapper().transaction_state();
        });
        asked.is_none()
    }

    /// How to take the connection back. None when it is the application's.
    pub(super) fn back(&self) -> Option<Back> {
        match self {
            Self::Foreign(_) => None,
            Self::Raw { back, .. } => Some(back.clone()),
        }
    }

    /// Has the application's pool close its connection. Blocks its thread until what a dropped statement left is over.
    pub(super) fn break_off(&mut self, leftover: Option<Leftover>) {
        let Self::Foreign(connection) = self else {
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

    /// The connection, if it was taken out of its wrapper.
    pub(super) fn take_back(&self) -> Option<Connection> {
        match self {
            Self::Foreign(_) => None,
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

/// Enters the open transaction into diesel's own bookkeeping.
pub(super) fn enter(connection: &mut SqliteConnection) -> QueryResult<()> {
    let status = AnsiTransactionManager::transaction_manager_status_mut(connection);
    *status = TransactionManagerStatus::default();
    status
        .transaction_state()?
        .change_transaction_depth(TransactionDepthChange::IncreaseDepth)
}

/// Takes it back to "no transaction", and says how deep it was.
pub(super) fn leave(connection: &mut SqliteConnection) -> u32 {
    let status = AnsiTransactionManager::transaction_manager_status_mut(connection);
    let depth = status
        .transaction_depth()
        .ok()
        .flatten()
        .map_or(0, std::num::NonZeroU32::get);
    *connection.transaction_state() = AnsiTransactionManager::default();
    depth
}

/// Has a pool of diesel-async's close the connection.
pub(super) fn break_off(connection: &mut SqliteConnection) {
    AnsiTransactionManager::transaction_manager_status_mut(connection).set_in_error();
}
