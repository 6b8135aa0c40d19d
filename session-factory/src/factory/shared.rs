//! State shared by one factory's handles.

use std::sync::Arc;

use crate::driver::Driver;
use crate::pool::Pools;

/// The pools and the configuration.
pub(super) struct Shared<D: Driver, C> {
    pub(super) pools: Pools<D>,
    /// The configuration; `None` for an external pool.
    pub(super) config: Option<Arc<C>>,
}

impl<D: Driver, C> Clone for Shared<D, C> {
    fn clone(&self) -> Self {
        Self {
            pools: self.pools.clone(),
            config: self.config.clone(),
        }
    }
}
