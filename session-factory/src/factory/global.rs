//! The global factory, which needs no handle.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::configure;
use super::database::SessionFactory;
use super::handle::Factory;
use crate::call::task_context;
use crate::error::{ObservedTooLate, SessionError};
use crate::observe::Observer;
use crate::pool::{ShutdownReport, Status};

/// Returns the scope's factory, or else the global one, which the first call makes.
pub fn factory<F: SessionFactory>() -> Result<Factory<F>, SessionError> {
    match task_context::factory::<Factory<F>>() {
        Some(factory) => Ok(factory),
        None => global::<F>(),
    }
}

fn global<F: SessionFactory>() -> Result<Factory<F>, SessionError> {
    if let Some(factory) = made::<F>() {
        return Ok(factory);
    }
    // An error is not stored: the next call reads the configuration again. Two callers may both get here;
    // making a factory opens no connection, so the second factory costs nothing.
    let config = configure::config_of_global::<F>()?;
    let shared = &F::global().shared;
    let made = shared.get_or_init(|| Factory::<F>::new(config).shared);
    F::global().hand_over_observers();
    Ok(Factory::of(made.clone()))
}

/// Returns the global factory if it has been made.
fn made<F: SessionFactory>() -> Option<Factory<F>> {
    F::global().shared.get().cloned().map(Factory::of)
}

/// Adds an observer to the scope's factory, or else to the global one, which need not have been made yet.
///
/// # Errors
/// Fails if the factory has opened a session already.
pub fn observe<F: SessionFactory>(observer: Arc<dyn Observer>) -> Result<(), ObservedTooLate> {
    if let Some(factory) = task_context::factory::<Factory<F>>() {
        return factory.observe(observer);
    }
    F::global().observers.lock().push(Arc::clone(&observer));
    let Some(factory) = made::<F>() else {
        return Ok(());
    };
    // The factory exists. If it was made after the `push` above, it may have taken the observer already.
    let waiting = &mut *F::global().observers.lock();
    let at = waiting
        .iter()
        .position(|other| Arc::ptr_eq(other, &observer));
    match at {
        Some(at) => factory.observe(waiting.swap_remove(at)),
        None => Ok(()),
    }
}

/// Reads the environment and connects once.
pub async fn init<F: SessionFactory>() -> Result<(), SessionError> {
    let factory = factory::<F>()?;
    let proven = &F::global().proven;
    let is_global = made::<F>().is_some_and(|global| global.identity() == factory.identity());
    if is_global && proven.load(Ordering::SeqCst) {
        return Ok(());
    }
    factory.init().await?;
    if is_global {
        proven.store(true, Ordering::SeqCst);
    }
    Ok(())
}

/// Reads the environment and `.env`, and connects once.
#[cfg(feature = "dotenv")]
pub async fn init_from_dotenv<F: SessionFactory>() -> Result<(), SessionError> {
    F::global().dotenv.store(true, Ordering::SeqCst);
    init::<F>().await
}

/// Returns the figures of the scope's factory, or else of the global one; before its first use, those of an empty pool.
pub fn status<F: SessionFactory>() -> Status {
    let made = task_context::factory::<Factory<F>>().or_else(made::<F>);
    match made {
        Some(factory) => factory.status(),
        None => Status {
            open: 0,
            idle: 0,
            in_use: 0,
            recovering: 0,
            waiting: 0,
            pool_size: 0,
            limit: 0,
            pooler: false,
            closed: false,
            replica: None,
        },
    }
}

/// Shuts down the scope's factory, or else the global one. Does nothing if no use has made the global factory.
pub async fn shutdown<F: SessionFactory>(limit: std::time::Duration) -> ShutdownReport {
    let made = task_context::factory::<Factory<F>>().or_else(made::<F>);
    match made {
        Some(factory) => factory.shutdown(limit).await,
        None => ShutdownReport {
            rolled_back: 0,
            remaining: 0,
        },
    }
}
