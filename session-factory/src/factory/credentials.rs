//! Credentials that change: the factory asks a provider before it opens each connection.

use std::error::Error;

use super::database::{FactoryConfig, SessionFactory};
use super::handle::{Factory, keys};
use crate::config::Credentials;
use crate::driver::SupportsCredentials;
use crate::error::{ConnectError, ConnectErrorKind};
use crate::pool::{CredentialProvider, Pools};

impl<F: SessionFactory> Factory<F> {
    /// Asks `provider` for a password, and optionally a user that replaces the URL's, before opening each connection:
    /// for tokens that expire and passwords that are rotated. Open connections stay as they are.
    ///
    /// The provider returns [`Credentials`], or the password alone as a `SecretString` or `String`. It runs on its own
    /// thread, where it may block, and its time counts towards `connect_timeout`.
    ///
    /// ```no_run
    /// # #[cfg(feature = "postgres")] {
    /// # use session_factory::{Credentials, Factory, session_factory};
    /// # session_factory! { pub struct AppDb(Postgres); }
    /// # struct Tokens;
    /// # impl Tokens { async fn fresh(&self) -> std::io::Result<String> { Ok(String::new()) } }
    /// # async fn start(tokens: Tokens) -> Result<(), Box<dyn std::error::Error>> {
    /// let factory = Factory::<AppDb>::new(AppDbConfig::from_env()?)
    ///     .with_credentials(async move || tokens.fresh().await.map(Credentials::new));
    /// factory.set_global()?;
    /// AppDb::init().await?;
    /// # Ok(())
    /// # } }
    /// ```
    ///
    /// # Errors
    /// If the provider fails, panics or does not answer in time, callers that wait for the connection fail at once with
    /// [`SessionError::Acquire`](crate::SessionError::Acquire), whose [`ConnectError`] has the kind
    /// [`Credentials`](ConnectErrorKind::Credentials). Errors print the provider's text: keep secrets out of it. The
    /// next attempt asks the provider again.
    ///
    /// A factory made with [`from_pool`](Self::from_pool) cannot have a provider, because the external pool opens the
    /// connections: each use of the factory then fails with a `ConnectError` of that kind.
    #[must_use]
    pub fn with_credentials<P, C, E>(self, provider: P) -> Self
    where
        F::Driver: SupportsCredentials,
        P: AsyncFn() -> Result<C, E> + Send + Sync + 'static,
        C: Into<Credentials>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let keys = keys::<F>();
        let pools = match self.shared.config() {
            Some(config) => {
                let provider = CredentialProvider::new(provider);
                Pools::own(F::NAME, keys, config.settings(), Some(provider))
            }
            None => Pools::broken(F::NAME, keys.url, not_ours()),
        };
        // The new pools report to the observers that the factory already has.
        let before = &self.shared.pools.primary.monitor;
        pools.primary.monitor.take_over(before);
        Self::of(self.shared.with_pools(pools))
    }
}

/// An external pool opens its connections itself.
fn not_ours() -> ConnectError {
    ConnectError::new(
        ConnectErrorKind::Credentials,
        "with_credentials is for Factory::new: a pool that is given to Factory::from_pool opens its connections itself",
    )
}
