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
use super::virtual_sessions::VirtualSessions;

/// The number of registered tests. While it is zero, a look-up costs only this load.
static COUNT: AtomicUsize = AtomicUsize::new(0);
static TESTS: RwLock<Option<HashMap<Id, Arc<TestContext>>>> = RwLock::new(None);

/// A factory of any type.
pub(crate) type AnyFactory = Box<dyn Any + Send + Sync>;

/// What belongs to one test.
pub(crate) struct TestContext {
    /// The test's factories, whatever their types.
    factories: RwLock<Vec<AnyFactory>>,
    pub(crate) faults: Faults,
    /// Those of a test that is rolled back.
    pub(crate) sessions: Arc<VirtualSessions>,
}

impl fmt::Debug for TestContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestContext").finish_non_exhaustive()
    }
}

impl TestContext {
    pub(crate) fn new(factories: Vec<AnyFactory>, sessions: Arc<VirtualSessions>) -> Arc<Self> {
        Arc::new(Self {
            factories: RwLock::new(factories),
            faults: Faults::default(),
            sessions,
        })
    }

    /// Returns the test's factory of this type.
    pub(crate) fn factory<F: Any + Clone>(&self) -> Option<F> {
        let factories = self.factories.read();
        let factories = factories.unwrap_or_else(PoisonError::into_inner);
        factories
            .iter()
            .find_map(|factory| factory.downcast_ref::<F>().cloned())
    }

    /// Replaces the factory of this type. Returns the previous one.
    pub(crate) fn replace<F: Any + Clone + Send + Sync>(&self, factory: F) -> Option<F> {
        let factories = self.factories.write();
        let mut factories = factories.unwrap_or_else(PoisonError::into_inner);
        let mut places = factories.iter_mut();
        let place = places.find_map(|place| place.downcast_mut::<F>())?;
        Some(std::mem::replace(place, factory))
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
