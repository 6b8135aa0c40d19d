//! The application's credential provider, which the pool asks before it opens each connection.

use std::error::Error;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::config::Credentials;
use crate::error::{ConnectError, ConnectErrorKind};

type Failure = Box<dyn Error + Send + Sync>;
/// Runs the provider to its end, on the calling thread.
type Ask = dyn Fn(&Handle, CancellationToken) -> Option<Result<Credentials, Failure>> + Send + Sync;

/// The application's credential provider.
#[derive(Clone)]
pub(crate) struct CredentialProvider(Arc<Ask>);

impl Debug for CredentialProvider {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("CredentialProvider")
    }
}

impl CredentialProvider {
    pub(crate) fn new<P, C, E>(provider: P) -> Self
    where
        P: AsyncFn() -> Result<C, E> + Send + Sync + 'static,
        C: Into<Credentials>,
        E: Into<Failure>,
    {
        Self(Arc::new(move |runtime, given_up| {
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    () = given_up.cancelled() => None,
                    given = provider() => Some(given.map(Into::into).map_err(Into::into)),
                }
            })
        }))
    }

    /// Asks for one connection's credentials.
    ///
    /// The provider runs on its own thread, for three reasons. The compiler cannot prove `Send` for the
    /// future of an `async move ||` that uses its captures. A provider that blocks must not hold up the
    /// connections. And a panic must not cost the pool a slot.
    pub(crate) async fn ask(&self, limit: Duration) -> Result<Credentials, ConnectError> {
        let given_up = CancellationToken::new();
        let _with_us = given_up.clone().drop_guard();
        let (provider, runtime) = (Arc::clone(&self.0), Handle::current());
        let asked = tokio::task::spawn_blocking(move || provider(&runtime, given_up));
        match timeout(limit, asked).await {
            Ok(Ok(Some(Ok(credentials)))) if credentials.has_nul() => Err(failed(
                "gave a user or a password with a NUL byte, which no server accepts",
            )),
            Ok(Ok(Some(Ok(credentials)))) => Ok(credentials),
            Ok(Ok(Some(Err(error)))) => Err(failed(&format!("failed: {error}")).with_source(error)),
            Ok(Ok(None)) => Err(failed("was interrupted")),
            Ok(Err(_panic)) => Err(failed("panicked")),
            Err(_late) => Err(failed(&format!(
                "did not answer within {} (connect_timeout)",
                crate::time::text(limit)
            ))),
        }
    }
}

fn failed(how: &str) -> ConnectError {
    ConnectError::new(
        ConnectErrorKind::Credentials,
        format!("the credentials provider {how}"),
    )
}
