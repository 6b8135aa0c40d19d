//! A user and a password that are never printed by accident.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};

use crate::error::ConnectError;

/// A password (or a token that serves as one), and a user if it differs from the URL's.
///
/// Neither `Debug` nor an error shows any of it. Dropping it clears its memory.
///
/// ```
/// use session_factory::Credentials;
///
/// let credentials = Credentials::new("token-of-today").with_user("reports");
/// assert_eq!(format!("{credentials:?}"), "Credentials([redacted])");
/// ```
#[derive(Clone)]
pub struct Credentials {
    user: Option<SecretString>,
    password: SecretString,
}

impl Credentials {
    /// Makes credentials with a password for the URL's user.
    #[must_use]
    pub fn new(password: impl Into<SecretString>) -> Self {
        Self {
            user: None,
            password: password.into(),
        }
    }

    /// Sets the user, which replaces the URL's.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<SecretString>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Returns the user, if it replaces the URL's.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_ref().map(ExposeSecret::expose_secret)
    }

    /// True if a value has a zero byte, which no server's protocol can transmit.
    pub(crate) fn has_nul(&self) -> bool {
        let user = self.user().unwrap_or_default();
        user.contains('\0') || self.expose_password().contains('\0')
    }

    /// Returns the password itself, to connect with. Keep it out of logs and errors.
    #[must_use]
    pub fn expose_password(&self) -> &str {
        self.password.expose_secret()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credentials([redacted])")
    }
}

type Asked = BoxFuture<'static, Result<Credentials, ConnectError>>;

/// Asks the provider of `Factory::with_credentials` for the current credentials.
#[derive(Clone)]
pub(crate) struct CredentialSource(
    #[cfg_attr(
        not(feature = "mysql"),
        expect(dead_code, reason = "only the MySQL driver asks again, for each KILL")
    )]
    Arc<dyn Fn(Duration) -> Asked + Send + Sync>,
);

impl CredentialSource {
    pub(crate) fn new(ask: impl Fn(Duration) -> Asked + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    /// Waits for an answer no longer than `limit`.
    ///
    /// # Errors
    /// The provider's own error, or the error that it gave no answer in time.
    #[cfg(feature = "mysql")]
    pub(crate) async fn ask(&self, limit: Duration) -> Result<Credentials, ConnectError> {
        (self.0)(limit).await
    }
}

impl fmt::Debug for CredentialSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CredentialSource")
    }
}

impl From<SecretString> for Credentials {
    fn from(password: SecretString) -> Self {
        Self::new(password)
    }
}

impl From<String> for Credentials {
    fn from(password: String) -> Self {
        Self::new(password)
    }
}
