//! One connection to SQLite and what is known about it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use diesel::QueryResult;
use diesel::connection::SimpleConnection;
use diesel::sqlite::SqliteConnection;
use diesel_async::AsyncConnection;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::context::TokioContext;

use super::job::{Job, Leftover};
use super::{Wrapper, url};
use crate::config::Settings;
use crate::error::{ConnectError, ConnectErrorKind};

/// Readers do not wait for the writer; foreign keys are checked; a commit survives a crash of the process
/// (with WAL, `NORMAL` may lose the last commits when the machine loses power, never corrupt the file, so
/// `FULL`, SQLite's own default, stays). The busy timeout is short because waiting is done in steps that
/// can be stopped.
const PRAGMAS: &str = "PRAGMA busy_timeout = 20; PRAGMA foreign_keys = ON; \
     PRAGMA read_uncommitted = OFF; PRAGMA recursive_triggers = OFF; PRAGMA query_only = OFF";
const WAL: &str = "PRAGMA journal_mode = WAL";

type Foreign = bb8::PooledConnection<'static, AsyncDieselConnectionManager<Wrapper>>;

/// What the pool holds.
#[allow(missing_debug_implementations)] // the connection has none
#[doc(hidden)]
pub struct SqliteLink {
    held: Option<Held>,
    /// A dropped statement that still runs.
    leftover: Option<Leftover>,
    facts: Arc<Facts>,
    /// The queue for the write lock within this process, and our place at its head.
    writers: Option<Arc<Semaphore>>,
    writing: Option<OwnedSemaphorePermit>,
    condemned: bool,
    private_memory: bool,
}

enum Held {
    /// The runtime has one blocking thread: the connection's.
    Own(Wrapper, Runtime),
    Foreign(Box<Foreign>),
}

/// Shared with the work on the connection's thread.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// Whoever waits or loads rows should stop.
    stop: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // independent facts, each read by name
struct State {
    /// The transaction is over, and the session did not end it: by COMMIT or not.
    ended: Option<bool>,
    raw: bool,
    touched: bool,
    unclean: bool,
    query_only: bool,
    written: bool,
}

impl Facts {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
    pub(super) fn begin_watch(&self) {
        self.stop.store(false, Ordering::SeqCst);
        let mut state = self.state();
        state.ended = None;
        state.written = false;
    }
    pub(super) fn ended(&self) -> Option<bool> {
        self.state().ended
    }
    pub(super) fn set_ended(&self, committed: bool) {
        self.state().ended.get_or_insert(committed);
    }
    pub(super) fn set_raw(&self, raw: bool) {
        let mut state = self.state();
        state.raw = raw;
        state.touched |= raw;
    }
    pub(super) fn is_raw(&self) -> bool {
        self.state().raw
    }
    pub(super) fn take_raw(&self) -> bool {
        std::mem::take(&mut self.state().raw)
    }
    pub(super) fn set_unclean(&self) {
        self.state().unclean = true;
    }
    /// A statement returned the rows that it changed.
    pub(super) fn set_written(&self) {
        self.state().written = true;
    }
    pub(super) fn has_written(&self) -> bool {
        self.state().written
    }
    /// The transaction refuses to write.
    pub(super) fn set_query_only(&self) {
        self.state().query_only = true;
    }
    pub(super) fn take_query_only(&self) -> bool {
        std::mem::take(&mut self.state().query_only)
    }
    pub(super) fn needs_reset(&self) -> bool {
        let state = self.state();
        state.touched || state.unclean
    }
    pub(super) fn stop_running(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}

impl SqliteLink {
    pub(super) fn foreign(connection: Foreign) -> Self {
        Self {
            held: Some(Held::Foreign(Box::new(connection))),
            leftover: None,
            facts: Arc::default(),
            writers: None,
            writing: None,
            condemned: false,
            private_memory: false,
        }
    }

    #[allow(clippy::expect_used)] // `held` is taken in `drop` alone
    pub(super) fn wrapper(&mut self) -> &mut Wrapper {
        match self.held.as_mut().expect("present until dropped") {
            Held::Own(wrapper, _) => wrapper,
            Held::Foreign(connection) => connection,
        }
    }

    pub(super) fn facts(&self) -> &Arc<Facts> {
        &self.facts
    }

    pub(super) fn stop(&self) -> Arc<Facts> {
        Arc::clone(&self.facts)
    }

    pub(super) fn job<W, R>(&mut self, work: W) -> Job<'_, W, R>
    where
        W: FnOnce(&mut SqliteConnection) -> QueryResult<R> + Send + 'static,
        R: Send + 'static,
    {
        Job::new(self, work)
    }

    pub(super) fn take_leftover(&mut self) -> Option<Leftover> {
        self.leftover.take()
    }

    pub(super) fn keep_leftover(&mut self, leftover: Leftover) {
        self.leftover = Some(leftover);
    }

    pub(super) fn writers(&self) -> Option<Arc<Semaphore>> {
        match self.writing {
            Some(_) => None,
            None => self.writers.clone(),
        }
    }

    pub(super) fn hold_writer(&mut self, permit: OwnedSemaphorePermit) {
        self.writing = Some(permit);
    }

    pub(super) fn release_writer(&mut self) {
        self.writing = None;
    }

    pub(super) fn is_condemned(&self) -> bool {
        self.condemned
    }

    pub(super) fn condemn(&mut self) {
        self.condemned = true;
    }

    /// Puts the pragmas back. What else was touched costs the connection (except for a database that
    /// lives in it).
    pub(super) async fn reset(&mut self) -> bool {
        let unclean = {
            let mut state = self.facts.state();
            state.touched = false;
            std::mem::take(&mut state.unclean)
        };
        if unclean && !self.private_memory {
            return false;
        }
        self.job(|connection| connection.batch_execute(PRAGMAS))
            .await
            .is_ok()
    }
}

impl Drop for SqliteLink {
    fn drop(&mut self) {
        let leftover = self.leftover.take();
        let held = self.held.take();
        let writing = self.writing.take();
        // Closing may write (a checkpoint), and a statement may still run: neither is for this thread.
        let close = move || {
            drop(leftover);
            if let Some(Held::Own(wrapper, thread)) = held {
                drop(wrapper);
                thread.shutdown_background();
            }
            drop(writing);
        };
        let _thread = std::thread::Builder::new()
            .name("session-factory-close".into())
            .spawn(close);
    }
}

pub(super) async fn connect(settings: &Settings) -> Result<SqliteLink, ConnectError> {
    let path = url::resolve(settings.url.expose())
        .map_err(|wrong| ConnectError::new(ConnectErrorKind::Url, wrong))?;
    if let Some(folder) = url::file(&path).and_then(|file| Path::new(file).parent())
        && !folder.as_os_str().is_empty()
        && !folder.is_dir()
    {
        return Err(ConnectError::new(
            ConnectErrorKind::Database,
            format!(
                "the folder {} does not exist: create it first",
                folder.display()
            ),
        ));
    }
    let thread = Builder::new_current_thread()
        .max_blocking_threads(1)
        .thread_keep_alive(std::time::Duration::from_secs(60 * 60))
        .thread_name("session-factory-sqlite")
        .build()
        .map_err(|error| {
            ConnectError::new(
                ConnectErrorKind::Resources,
                format!("the connection's thread could not be started: {error}"),
            )
        })?;
    // The wrapper takes the runtime it is made in for its own.
    let opened = TokioContext::new(open(&path), thread.handle().clone()).await;
    let mut wrapper = match opened {
        Ok(wrapper) => wrapper,
        Err(error) => {
            thread.shutdown_background();
            return Err(ConnectError::new(
                ConnectErrorKind::Database,
                format!("SQLite cannot open {path}: {error}"),
            ));
        }
    };
    let private_memory = url::is_private_memory(settings.url.expose());
    let prepared = prepare(&mut wrapper).await;
    let link = SqliteLink {
        held: Some(Held::Own(wrapper, thread)),
        leftover: None,
        facts: Arc::default(),
        writers: url::file(&path).map(super::begin::queue),
        writing: None,
        condemned: false,
        private_memory,
    };
    match prepared {
        Ok(()) => Ok(link),
        Err(error) => Err(ConnectError::new(
            ConnectErrorKind::Database,
            format!("SQLite cannot use {path}: {error}"),
        )),
    }
}

async fn open(path: &str) -> diesel::ConnectionResult<Wrapper> {
    Wrapper::establish(path).await
}

async fn prepare(wrapper: &mut Wrapper) -> QueryResult<()> {
    wrapper
        .spawn_blocking(|connection| {
            connection.batch_execute("PRAGMA busy_timeout = 5000")?;
            // A read-only file or folder cannot change to WAL; it works without.
            let _read_only = connection.batch_execute(WAL);
            // Opening reads nothing; this does, and finds out that a file is no database.
            connection.batch_execute("PRAGMA schema_version")?;
            connection.batch_execute(PRAGMAS)
        })
        .await
}
