//! The running tests' factories, by the id of the runtime that a task runs on.
//!
//! A test has a runtime to itself. Whatever runs there, spawned tasks and blocking threads included, therefore uses the
//! test's factories. A runtime's id is unique among the runtimes that exist, so an entry is removed before its runtime
//! is dropped.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::runtime::{Handle, Id};

use super::faults::Faults;

/// The number of registered tests. While it is zero, a look-up costs only this load.
static COUNT: AtomicUsize = AtomicUsize::new(0);
static TESTS: RwLock<Option<HashMap<Id, Arc<TestContext>>>> = RwLock::new(None);

/// One test's factory and faults.
pub(crate) struct TestContext {
    /// The test's factory, with its type erased.
    factory: RwLock<Box<dyn Any + Send + Sync>>,
    pub(crate) faults: Faults,
}

impl fmt::Debug for TestContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestContext").finish_non_exhaustive()
    }
}

impl TestContext {
    pub(crate) fn new<F: Any + Send + Sync>(factory: F) -> Arc<Self> {
        Arc::new(Self {
            factory: RwLock::new(Box::new(factory)),
            faults: Faults::default(),
        })
    }

    /// Returns the test's factory, if it is of this type.
    pub(crate) fn factory<F: Any + Clone>(&self) -> Option<F> {
        let factory = self.factory.read().unwrap_or_else(PoisonError::into_inner);
        factory.downcast_ref::<F>().cloned()
    }

    /// Replaces the factory. Returns the previous one, if it is of this type.
    pub(crate) fn replace<F: Any + Clone + Send + Sync>(&self, factory: F) -> Option<F> {
        let mut place = self.factory.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *place, Box::new(factory));
        before.downcast::<F>().ok().map(|before| *before)
    }

    /// Makes code that runs on `runtime` find this test until the guard is dropped.
    pub(crate) fn register(self: &Arc<Self>, runtime: &Handle) -> Registered {
        let id = runtime.id();
        let mut tests = TESTS.write().unwrap_or_else(PoisonError::into_inner);
        tests.get_or_insert_default().insert(id, Arc::clone(self));
        COUNT.fetch_add(1, Ordering::Release);
        Registered(id)
    }
}

/// A test's entry. Dropping it removes the entry.
#[derive(Debug)]
pub(crate) struct Registered(Id);

impl Drop for Registered {
    fn drop(&mut self) {
        let mut tests = TESTS.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(tests) = tests.as_mut()
            && tests.remove(&self.0).is_some()
        {
            COUNT.fetch_sub(1, Ordering::Release);
        }
    }
}

/// Returns the test whose runtime this code runs on.
pub(super) fn of_runtime() -> Option<Arc<TestContext>> {
    if COUNT.load(Ordering::Acquire) == 0 {
        return None;
    }
    let id = Handle::try_current().ok()?.id();
    let tests = TESTS.read().unwrap_or_else(PoisonError::into_inner);
    tests.as_ref()?.get(&id).cloned()
}
