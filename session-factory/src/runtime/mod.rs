//! The background runtime, which continues whatever happens to the caller's runtime.
//!
//! Connections are opened here, on threads that belong to this crate. The pool's own tasks and every
//! recovery run here. A connection to PostgreSQL is then driven on the runtime that uses it, and
//! comes back here when that runtime ends. So a caller's runtime may shut down, be replaced (one
//! `#[tokio::test]` after another) or not exist at all: the pool loses no permit, and a rollback
//! always has a runtime. See `docs/decisions/0001-background-runtime.md`.

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

/// More threads gain nothing: the work is done on the callers' threads.
const MOST_THREADS: usize = 4;

static BACKGROUND: OnceLock<Result<Runtime, String>> = OnceLock::new();
/// A separate runtime for application code whose caller is gone: if that code blocks, connections continue.
static ORPHANS: OnceLock<Option<Runtime>> = OnceLock::new();

/// Returns the background runtime's handle.
///
/// # Errors
/// If the operating system cannot start threads. The error is cached, because a process in that state
/// does not recover.
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

/// Enters the background runtime for the current scope, so that values dropped there can spawn
/// tasks.
pub(crate) fn enter() -> Option<EnterGuard<'static>> {
    handle().ok().map(Handle::enter)
}

/// Runs `future` on the caller's thread, with the background runtime as its context: its timers and the
/// tasks it spawns outlive the caller's runtime.
pub(crate) async fn within<T: Future>(future: T) -> Result<T::Output, ConnectError> {
    Ok(TokioContext::new(future, handle()?.clone()).await)
}

/// Runs application code whose caller is gone (hooks), on a runtime of its own.
pub(crate) fn spawn_orphan(task: impl Future<Output = ()> + Send + 'static) {
    let made = ORPHANS.get_or_init(|| {
        let runtime = Builder::new_multi_thread()
            // Several threads, so that a hook that blocks its thread does not stop the others.
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
