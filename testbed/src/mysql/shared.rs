//! The server that all tests of a run share.

use tokio::sync::OnceCell;

use crate::Error;

use super::builder::Builder;
use super::database::Database;
use super::endpoint::Endpoint;
use super::server::Server;

/// The variable in which `cargo xtask test` passes the address of the run's server: `HOST:PORT`, or
/// `unavailable: ` and the reason.
pub const VARIABLE: &str = "SESSION_FACTORY_TEST_MYSQL";

/// A fresh, empty database on the shared server.
///
/// # Panics
/// If there is no server and none can be started. The text says what to install.
pub async fn database() -> Database {
    endpoint().await.database().await
}

/// The shared server: the run's, or one that this process starts on first use.
///
/// Many processes' tests use it at the same time. To stop, kill or configure a server, start a
/// private one.
pub async fn endpoint() -> Endpoint {
    static SHARED: OnceCell<Result<(Endpoint, Option<Server>), Error>> = OnceCell::const_new();
    match SHARED.get_or_init(find_or_start).await {
        Ok((endpoint, _server)) => *endpoint,
        Err(error) => panic!("{error}"),
    }
}

async fn find_or_start() -> Result<(Endpoint, Option<Server>), Error> {
    let Ok(value) = std::env::var(VARIABLE) else {
        // The static above keeps it and is never dropped; the supervisor stops it when this process
        // ends.
        let server = Builder::default().max_connections(300).try_start().await?;
        return Ok((server.endpoint(), Some(server)));
    };
    match value.parse() {
        Ok(address) => Ok((Endpoint::new(address), None)),
        Err(_) => Err(Error::new(format!("{VARIABLE}={value}"))),
    }
}
