//! What one factory's handles share.

use std::sync::Arc;

use crate::driver::Driver;
use crate::pool::Pools;

/// The pools and the configuration.
pub(super) struct Shared<D: Driver, C> {
    pub(super) pools: Pools<D>,
    /// None for an external pool.
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
