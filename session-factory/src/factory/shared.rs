//! State shared by one factory's handles.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::driver::Driver;
use crate::pool::Pools;

/// The pools and the configuration.
pub(super) struct Shared<D: Driver, C> {
    pub(super) pools: Pools<D>,
    /// The configuration; `None` for an external pool.
    config: Option<SharedConfig>,
    /// The configuration's type, which `SharedConfig` erases. If a configuration cannot be shared between threads, the
    /// compiler therefore reports that once, at the field, and not at each use of the factory.
    of: PhantomData<fn() -> C>,
}

/// A configuration that threads share.
#[doc(hidden)]
pub type SharedConfig = Arc<dyn Any + Send + Sync>;

impl<D: Driver, C: 'static> Shared<D, C> {
    pub(super) fn new(pools: Pools<D>, config: Option<SharedConfig>) -> Self {
        Self {
            pools,
            config,
            of: PhantomData,
        }
    }

    /// Returns the same configuration with other pools.
    pub(super) fn with_pools(self, pools: Pools<D>) -> Self {
        Self { pools, ..self }
    }

    pub(super) fn config(&self) -> Option<&C> {
        self.config.as_deref()?.downcast_ref()
    }
}

impl<D: Driver, C> Clone for Shared<D, C> {
    fn clone(&self) -> Self {
        Self {
            pools: self.pools.clone(),
            config: self.config.clone(),
            of: PhantomData,
        }
    }
}
