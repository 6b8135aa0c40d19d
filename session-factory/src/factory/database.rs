//! The traits that `session_factory!` implements for a factory and its configuration, and the
//! static that holds the global factory.

use std::fmt::Debug;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use super::shared::{Shared, SharedConfig};
use crate::config::{Key, Reader, Settings};
use crate::driver::Driver;
use crate::error::AlreadySet;
use crate::observe::Observer;
use crate::sync::Mutex;

/// `session_factory!` implements this trait for the type that it generates.
///
/// Implement it through the macro only: items may be added in any release.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a session factory",
    label = "expected a type that `session_factory!` declares",
    note = "write the factory's name, which is neither a backend nor a pool: `Session<AppDb>` for \
            `session_factory! {{ pub struct AppDb(Postgres); }}`"
)]
pub trait SessionFactory: Sized + Send + Sync + 'static {
    /// The database backend: `Postgres`, `Mysql` or `Sqlite` of [`driver`](crate::driver). A function
    /// that is generic over its factory and needs a feature of one backend writes that backend as a
    /// bound: `F: SessionFactory<Driver = Postgres>`.
    type Driver: Driver;
    /// The generated configuration type.
    type Config: FactoryConfig<Factory = Self>;
    /// The type's name, for messages.
    const NAME: &'static str;
    /// All keys that the factory reads.
    const KEYS: &'static [Key];
    /// `PoolOfOne` if the macro's settings limit the pool to one connection, otherwise `AnyPool`.
    #[doc(hidden)]
    type Pool;
    /// The static that holds the global factory.
    #[doc(hidden)]
    fn global() -> &'static Global<Self>;
}

/// [`SessionFactory::Pool`] of a pool whose settings fix its size at one connection.
#[doc(hidden)]
#[derive(Debug)]
pub enum PoolOfOne {}

/// [`SessionFactory::Pool`] of any other pool.
#[doc(hidden)]
#[derive(Debug)]
pub enum AnyPool {}

/// `session_factory!` implements this trait for the configuration type that it generates.
#[doc(hidden)]
pub trait FactoryConfig: Clone + Debug + 'static {
    /// The factory. Generated code names the factory through this type: if a type is not a factory, the compiler then
    /// reports one error instead of several.
    type Factory: SessionFactory;
    /// True if the factory also reads `.env`.
    const DOTENV: bool;
    /// Reads all keys. Returns `None` if a value is missing or wrong; the reader has then recorded the problems.
    fn read(reader: &mut Reader<'_>) -> Option<Self>;
    /// Returns the standard settings.
    fn settings(&self) -> Settings;
    /// Converts the configuration to the form that all threads share.
    fn shared(self) -> SharedConfig;
}

/// The static for a type's global factory.
#[doc(hidden)]
pub struct Global<F: SessionFactory> {
    pub(super) shared: OnceLock<Shared<F::Driver, F::Config>>,
    /// Observers that were added before the factory was made.
    pub(super) observers: Mutex<Vec<Arc<dyn Observer>>>,
    /// True once `init` has connected.
    pub(super) proven: AtomicBool,
    /// True once `init_from_dotenv` was called: the factory then also reads `.env`.
    pub(super) dotenv: AtomicBool,
}

impl<F: SessionFactory> Debug for Global<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Global")
            .field("is_set", &self.shared.get().is_some())
            .finish_non_exhaustive()
    }
}

impl<F: SessionFactory> Default for Global<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: SessionFactory> Global<F> {
    /// Returns the static without a factory.
    pub const fn new() -> Self {
        Self {
            shared: OnceLock::new(),
            observers: Mutex::new(Vec::new()),
            proven: AtomicBool::new(false),
            dotenv: AtomicBool::new(false),
        }
    }

    /// Gives the factory the observers that were added before it was made.
    pub(super) fn hand_over_observers(&self) {
        let Some(shared) = self.shared.get() else {
            return;
        };
        for observer in std::mem::take(&mut *self.observers.lock()) {
            // `add` fails only after the factory's first session, and these were added before the factory was made.
            let _added = shared.pools.primary.monitor.add(observer);
        }
    }

    /// Sets the global factory, unless one is set.
    pub(super) fn set(&self, shared: Shared<F::Driver, F::Config>) -> Result<(), AlreadySet> {
        let taken = |_shared| AlreadySet::of(F::NAME);
        self.shared.set(shared).map_err(taken)?;
        self.hand_over_observers();
        Ok(())
    }
}
