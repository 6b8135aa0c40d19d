//! The server that all tests of a run share.

use tokio::sync::OnceCell;

use crate::Error;

use super::builder::Builder;
use super::database::Database;
use super::endpoint::Endpoint;
use super::server::Server;

/// The variable by which `cargo xtask test` passes the address of the run's server: `HOST:PORT`,
/// or `unavailable: ` and the reason why there is none.
pub const VARIABLE: &str = "SESSION_FACTORY_TEST_MYSQL";

/// A fresh, empty database on the shared server.
///
/// # Panics
/// When there is no server and none can be started, with a text that says what to install.
pub async fn database() -> Database {
    endpoint().await.database().await
}

/// The shared server: the run's, or else one that this process starts when it is first asked.
///
/// Tests of many processes use it at the same time: to stop, kill or configure a server, start a
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
        // Kept in the static above, which is never dropped: the supervisor stops it when this
        // process has ended.
        let server = Builder::default().max_connections(300).try_start().await?;
        return Ok((server.endpoint(), Some(server)));
    };
    match value.parse() {
        Ok(address) => Ok((Endpoint::new(address), None)),
        Err(_) => Err(Error::new(format!("{VARIABLE}={value}"))),
    }
}
