//! The background runtime, on which connections live independently of the caller's runtime.
//!
//! A connection's socket, the task that drives it, the pool's own tasks and every recovery run
//! here, on threads that belong to this crate. So a caller's runtime may shut down, be replaced
//! (one `#[tokio::test]` after another) or not exist at all: the pool loses no permit, and a
//! rollback always has a runtime. See `docs/decisions/0001-background-runtime.md`.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::{Builder, EnterGuard, Handle, Runtime};
use tokio::task::JoinHandle;
use tokio_util::context::TokioContext;

use crate::error::{ConnectError, ConnectErrorKind};

/// More threads gain nothing: they only move bytes, and the work is done on the callers' threads.
const MOST_THREADS: usize = 4;

static BACKGROUND: OnceLock<Result<Runtime, String>> = OnceLock::new();
/// The runtimes that open and drive connections.
static CONNECTIONS: OnceLock<Result<Box<[Handle]>, String>> = OnceLock::new();
/// The index of the next one to use.
static NEXT: AtomicUsize = AtomicUsize::new(0);
/// Runs the application's code that has no caller any more. If it blocks, connections continue.
static ORPHANS: OnceLock<Option<Runtime>> = OnceLock::new();

/// The background runtime's handle.
///
/// # Errors
/// If the operating system cannot start threads. The error is kept, because a process in that state
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

/// Opens a connection on the thread that will drive it: one of a few threads that only move bytes.
/// The connection stays on its thread, so no scheduler has to look for it, and no code of the
/// application can block it there.
///
/// # Errors
/// If the operating system cannot start threads.
pub(crate) async fn connecting<T: Future>(opening: T) -> Result<T::Output, ConnectError> {
    let made = CONNECTIONS.get_or_init(|| (0..threads()).map(connection_thread).collect());
    let handles = made.as_ref().map_err(|error| not_started(error))?;
    let number = NEXT.fetch_add(1, Ordering::Relaxed) % handles.len();
    let handle = handles.get(number).map_or_else(handle, Ok)?;
    Ok(TokioContext::new(opening, handle.clone()).await)
}

fn connection_thread(number: usize) -> Result<Handle, String> {
    let runtime = Builder::new_current_thread()
        .thread_name("session-factory")
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name(format!("session-factory-{number}"))
        .spawn(move || runtime.block_on(std::future::pending::<()>()))
        .map_err(|error| error.to_string())?;
    Ok(handle)
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

/// Runs the application's code that has no caller any more, separately from everything else.
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
