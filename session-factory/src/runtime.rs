//! The background runtime: where connections live, whatever happens to the caller's runtime.
//!
//! A connection's socket, the task that drives it, the pool's own tasks and every recovery run here,
//! on threads that belong to this crate. A caller's runtime may therefore shut down, be replaced (one
//! `#[tokio::test]` after another) or not exist at all: the pool loses no permit, and a rollback always has a runtime
//! to run on. See `docs/decisions/0001-background-runtime.md`.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::{Builder, EnterGuard, Handle, Runtime};
use tokio::task::JoinHandle;
use tokio_util::context::TokioContext;

use crate::error::{ConnectError, ConnectErrorKind};

/// More threads than this gain nothing: they move bytes, the work is done on the caller's threads.
const MOST_THREADS: usize = 4;

static BACKGROUND: OnceLock<Result<Runtime, String>> = OnceLock::new();
/// Where connections are opened and driven.
static CONNECTIONS: OnceLock<Result<Box<[Handle]>, String>> = OnceLock::new();
/// Which of them is next.
static NEXT: AtomicUsize = AtomicUsize::new(0);
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

/// Opens a connection where it is going to be driven: on one of a few threads that move bytes and do nothing else.
/// A connection stays on its thread, so no scheduler has to look for the one that it runs on, and nothing of the
/// application's runs there that could block it.
///
/// # Errors
/// When the operating system gives no threads.
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
