//! A call that runs to its end even if its caller does not wait for it.

use std::future::Future;

use tokio::runtime::Handle;

use crate::call::task_context;
use crate::error::SessionError;
use crate::factory::{Factory, SessionFactory};

/// Runs a call in a task of the caller's runtime, or of the background one where there is none.
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
    // `shutdown` waits for it, and gives it the sessions that it still needs.
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
