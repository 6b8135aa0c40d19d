//! A call that runs to its end even if its caller is dropped.

use std::future::Future;

use tokio::runtime::Handle;

use crate::call::task_context;
use crate::error::SessionError;
use crate::factory::{Factory, SessionFactory};

/// Runs a call in a task on the caller's runtime, or on the background runtime if the caller has none.
///
/// # Errors
/// [`SessionError::RuntimeEnded`] when the runtime ends before the call does.
///
/// # Panics
/// When the call does.
pub(super) async fn run<F, B>(factory: Factory<F>, call: B) -> Result<B::Output, SessionError>
where
    F: SessionFactory,
    B: Future<Output: Send + 'static> + Send + 'static,
{
    // `shutdown` waits for the call and lets it open the sessions that it still needs.
    let call = factory.detached(task_context::detached(factory.identity(), call));
    let task = match Handle::try_current() {
        Ok(runtime) => runtime.spawn(call),
        Err(_none) => crate::runtime::spawn(call).map_err(|error| factory.cannot_connect(error))?,
    };
    match task.await {
        Ok(output) => Ok(output),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_cancelled) => Err(SessionError::RuntimeEnded),
        },
    }
}
