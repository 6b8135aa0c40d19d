//! The factory that needs no handle.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Factory, SessionFactory, configure};
use crate::call::task_context;
use crate::error::SessionError;
use crate::pool::{ShutdownReport, Status};

/// The place of a type's global factory.
#[doc(hidden)]
pub struct Global<F: SessionFactory> {
    factory: OnceLock<Factory<F>>,
    /// `init` has connected once.
    proven: AtomicBool,
    /// `init_from_dotenv` was called: `.env` is read as well.
    pub(super) dotenv: AtomicBool,
}

impl<F: SessionFactory> std::fmt::Debug for Global<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Global")
            .field("factory", &self.factory)
            .finish_non_exhaustive()
    }
}

impl<F: SessionFactory> Default for Global<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: SessionFactory> Global<F> {
    /// An empty place.
    pub const fn new() -> Self {
        Self {
            factory: OnceLock::new(),
            proven: AtomicBool::new(false),
            dotenv: AtomicBool::new(false),
        }
    }

    /// Puts a factory in its place, if that is empty.
    pub(super) fn set(&self, factory: Factory<F>) -> bool {
        self.factory.set(factory).is_ok()
    }
}

/// The factory that applies here: the scope's, or the global one, made on first use.
pub fn factory<F: SessionFactory>() -> Result<Factory<F>, SessionError> {
    match task_context::factory::<Factory<F>>() {
        Some(factory) => Ok(factory),
        None => global::<F>(),
    }
}

fn global<F: SessionFactory>() -> Result<Factory<F>, SessionError> {
    let place = &F::global().factory;
    if let Some(factory) = place.get() {
        return Ok(factory.clone());
    }
    // A mistake is not remembered: the next call reads again. Two callers may both get here; making a
    // factory connects to nothing, so the one that comes second costs nothing.
    let config = configure::config_of_global::<F>()?;
    Ok(place.get_or_init(|| Factory::new(config)).clone())
}

/// Reads the environment and connects once.
pub async fn init<F: SessionFactory>() -> Result<(), SessionError> {
    let factory = factory::<F>()?;
    let proven = &F::global().proven;
    let is_global = F::global()
        .factory
        .get()
        .is_some_and(|global| global.identity() == factory.identity());
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

/// The figures of the factory that applies here; before its first use, those of an empty pool.
pub fn status<F: SessionFactory>() -> Status {
    let made = task_context::factory::<Factory<F>>().or_else(|| F::global().factory.get().cloned());
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

/// Shuts the factory that applies here down. One that was never made stays unmade.
pub async fn shutdown<F: SessionFactory>(limit: std::time::Duration) -> ShutdownReport {
    let made = task_context::factory::<Factory<F>>().or_else(|| F::global().factory.get().cloned());
    match made {
        Some(factory) => factory.shutdown(limit).await,
        None => ShutdownReport {
            rolled_back: 0,
            remaining: 0,
        },
    }
}
