//! The background runtime: where connections live, whatever happens to the caller's runtime.
//!
//! A connection's socket, the task that drives it, the pool's own tasks and every recovery run here,
//! on threads that belong to this crate. A caller's runtime may therefore shut down, be replaced (one
//! `#[tokio::test]` after another) or not exist at all: no slot of the pool is lost, and there is always
//! somewhere to roll back. See `docs/decisions/0001-background-runtime.md`.

use std::future::Future;
use std::io;
use std::sync::OnceLock;
use std::thread;

use tokio::runtime::{Builder, EnterGuard, Handle, Runtime};
use tokio::task::JoinHandle;
use tokio_util::context::TokioContext;

use crate::error::{ConnectError, ConnectErrorKind};

/// More threads than this gain nothing: they move bytes, the work is done on the caller's threads.
const MOST_THREADS: usize = 4;
/// One thread for so many cores: one more that is woken and finds nothing to do costs as much as one that does.
const CORES_OF_A_THREAD: usize = 2;

static BACKGROUND: OnceLock<Result<Background, String>> = OnceLock::new();
/// For code of the application's that has no caller left: what blocks there must not stop connections.
static ORPHANS: OnceLock<Option<Runtime>> = OnceLock::new();

/// The background runtime's handle.
///
/// # Errors
/// When the operating system gives no threads. It is remembered: a process in that state does not heal.
pub(crate) fn handle() -> Result<&'static Handle, ConnectError> {
    let made = BACKGROUND.get_or_init(|| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let made = Background::start((cores / CORES_OF_A_THREAD).clamp(1, MOST_THREADS));
        made.map_err(|error| error.to_string())
    });
    match made {
        Ok(background) => Ok(background.handle()),
        Err(error) => Err(ConnectError::new(
            ConnectErrorKind::Resources,
            format!("the background runtime could not be started: {error}"),
        )),
    }
}

/// The background runtime, whose threads run as long as the process does.
enum Background {
    /// One thread alone has nobody to share its tasks with, and can do without what that costs.
    One(Handle),
    Many(Runtime),
}

impl Background {
    fn start(threads: usize) -> io::Result<Self> {
        const NAME: &str = "session-factory";
        if threads > 1 {
            return Builder::new_multi_thread()
                .worker_threads(threads)
                .thread_name(NAME)
                .enable_all()
                .build()
                .map(Self::Many);
        }
        let runtime = Builder::new_current_thread()
            .thread_name(NAME)
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        let forever = move || runtime.block_on(std::future::pending::<()>());
        thread::Builder::new().name(NAME.into()).spawn(forever)?;
        Ok(Self::One(handle))
    }

    fn handle(&self) -> &Handle {
        match self {
            Self::One(handle) => handle,
            Self::Many(runtime) => runtime.handle(),
        }
    }
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

/// Runs code of the application's that has no caller left, apart from everything else.
pub(crate) fn spawn_orphan(task: impl Future<Output = ()> + Send + 'static) {
    let made = ORPHANS.get_or_init(|| {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
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
