//! The background runtime: what has to go on, whatever happens to the caller's runtime.
//!
//! Connections are opened here, on threads that belong to this crate; the pool's own tasks and every recovery run here.
//! A connection to PostgreSQL is then driven on the runtime that uses it, and comes back here when that one ends. A
//! caller's runtime may therefore shut down, be replaced (one `#[tokio::test]` after another) or not exist at all: the
//! pool loses no permit, and a rollback always has a runtime to run on. See
//! `docs/decisions/0001-background-runtime.md`.

#[cfg(feature = "postgres")]
pub(crate) mod driven;
#[cfg(feature = "postgres")]
mod io_probe;
#[cfg(feature = "postgres")]
pub(crate) mod moving;
#[cfg(feature = "postgres")]
mod watch;

use std::future::Future;
use std::sync::OnceLock;

use tokio::runtime::{Builder, EnterGuard, Handle, Runtime};
use tokio::task::JoinHandle;
use tokio_util::context::TokioContext;

use crate::error::{ConnectError, ConnectErrorKind};

/// More threads than this gain nothing: the work is done on the caller's threads.
const MOST_THREADS: usize = 4;

static BACKGROUND: OnceLock<Result<Runtime, String>> = OnceLock::new();
/// Runs the application's code that has no caller left: if it blocks, connections go on.
static ORPHANS: OnceLock<Option<Runtime>> = OnceLock::new();

/// The background runtime's handle.
///
/// # Errors
/// When the operating system gives no threads. It is remembered: a process in that state does not heal.
pub(crate) fn handle() -> Result<&'static Handle, ConnectError> {
    let made = BACKGROUND.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(threads())
            .thread_name("session-factory")
            .enable_all()
            .build()
            .map_err(|error| error.to_string())
    });
    match made {
        Ok(runtime) => Ok(runtime.handle()),
        Err(error) => Err(not_started(error)),
    }
}

fn threads() -> usize {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    threads.min(MOST_THREADS)
}

fn not_started(error: &str) -> ConnectError {
    ConnectError::new(
        ConnectErrorKind::Resources,
        format!("the background runtime could not be started: {error}"),
    )
}

/// Enters the background runtime for the current scope, so that what is dropped there may spawn.
pub(crate) fn enter() -> Option<EnterGuard<'static>> {
    handle().ok().map(Handle::enter)
}

/// Runs `future` on the caller's thread, with the background runtime as its context: its timers and the
/// tasks it spawns outlive the caller's runtime.
pub(crate) async fn within<T: Future>(future: T) -> Result<T::Output, ConnectError> {
    Ok(TokioContext::new(future, handle()?.clone()).await)
}

/// Runs the application's code that has no caller left, apart from everything else.
pub(crate) fn spawn_orphan(task: impl Future<Output = ()> + Send + 'static) {
    let made = ORPHANS.get_or_init(|| {
        let runtime = Builder::new_multi_thread()
            // More than one thread: a hook that blocks its thread must not stop the others.
            .worker_threads(threads())
            .thread_name("session-factory-hooks")
            .enable_all()
            .build();
        runtime.ok()
    });
    match made {
        Some(runtime) => drop(runtime.spawn(task)),
        None => drop(spawn(task)),
    }
}

/// Spawns a task that outlives the caller.
pub(crate) fn spawn<T>(task: T) -> Result<JoinHandle<T::Output>, ConnectError>
where
    T: Future<Output: Send> + Send + 'static,
{
    Ok(handle()?.spawn(task))
}
