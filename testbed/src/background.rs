//! The testbed's own runtime. Any other runtime, or none, can await its futures.

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};

/// The runtime's handle. The runtime lives as long as the process.
pub(crate) fn handle() -> &'static Handle {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME
        .get_or_init(|| {
            Builder::new_multi_thread()
                .worker_threads(2)
                .thread_name("testbed")
                .enable_all()
                .build()
                .expect("the testbed's runtime starts")
        })
        .handle()
}

/// Runs a future on the testbed's runtime. A panic in the future continues in the caller.
///
/// Dropping the returned future does not stop the work: a server that is starting finishes its
/// start.
pub(crate) async fn run<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    match handle().spawn(future).await {
        Ok(value) => value,
        Err(error) => resume_unwind(error.into_panic()),
    }
}

/// [`run`] for a future whose type the caller's compiler need not see.
pub(crate) async fn run_boxed<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> T {
    let boxed: Pin<Box<dyn Future<Output = T> + Send>> = Box::pin(future);
    run(boxed).await
}

/// Runs blocking work (processes, files) on the testbed's runtime.
pub(crate) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    match handle().spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => resume_unwind(error.into_panic()),
    }
}

/// Sleeps in real time, even if the caller's runtime has paused its clock.
pub(crate) async fn sleep(time: Duration) {
    run(tokio::time::sleep(time)).await;
}

/// Runs one of the testbed's futures to its end, for a test that has no runtime.
///
/// # Panics
/// If a runtime's thread calls it: await the future there.
pub fn block_on<F: Future>(future: F) -> F::Output {
    handle().block_on(future)
}
