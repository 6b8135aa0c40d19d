//! Credentials that change: asked for before each connection is opened.

use std::error::Error;

use super::database::{FactoryConfig, SessionFactory};
use super::handle::{Factory, keys};
use super::shared::Shared;
use crate::config::Credentials;
use crate::driver::SupportsCredentials;
use crate::error::{ConnectError, ConnectErrorKind};
use crate::pool::{CredentialProvider, Pools};

impl<F: SessionFactory> Factory<F> {
    /// Asks `provider` for a password, and a user if it is not the URL's, before each connection is opened: for
    /// tokens that expire and passwords that are rotated. Connections that are open stay as they are.
    ///
    /// The provider may answer with [`Credentials`], or with the password alone as a `SecretString` or `String`. It
    /// runs on a thread of its own, where blocking harms nobody, and its time is part of `connect_timeout`.
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
    /// An error of the provider's reaches whoever waits for the connection at once, as
    /// [`SessionError::Acquire`](crate::SessionError::Acquire) with a [`ConnectError`] of the kind
    /// [`Credentials`](ConnectErrorKind::Credentials); so does its silence, or its panic. Its text is printed: keep secrets out of it. The next attempt asks again.
    ///
    /// A factory made with [`from_pool`](Self::from_pool) cannot have a provider, as it does not open its
    /// connections: each use of it is that error.
    #[must_use]
    pub fn with_credentials<P, C, E>(self, provider: P) -> Self
    where
        F::Driver: SupportsCredentials,
        P: AsyncFn() -> Result<C, E> + Send + Sync + 'static,
        C: Into<Credentials>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let keys = keys::<F>();
        let pools = match &self.shared.config {
            Some(config) => {
                let provider = CredentialProvider::new(provider);
                Pools::own(F::NAME, keys, config.settings(), Some(provider))
            }
            None => Pools::broken(F::NAME, keys.url, not_ours()),
        };
        Self::of(Shared {
            pools,
            config: self.shared.config,
        })
    }
}

/// The application's pool opens its connections itself.
fn not_ours() -> ConnectError {
    ConnectError::new(
        ConnectErrorKind::Credentials,
        "with_credentials is for Factory::new: a pool that is given to Factory::from_pool opens its connections itself",
    )
}
