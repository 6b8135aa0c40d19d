//! The server that all tests of a run share.

use super::{Builder, Database, Endpoint, Kind, Server};
use crate::{Error, background};

/// A fresh, empty database on the shared server.
///
/// # Panics
/// If there is no server and none can be started. The text says what to install.
pub async fn database<K: Kind>() -> Database<K> {
    endpoint().await.database().await
}

/// The shared server: the run's, or one that this process starts on first use.
///
/// Many processes' tests use it at the same time. To stop, kill or configure a server, start a
/// private one.
pub async fn endpoint<K: Kind>() -> Endpoint<K> {
    // Boxed, so that the compiler of each test does not look through a server's start.
    let start = || background::run_boxed(find_or_start());
    match K::shared().get_or_init(start).await {
        Ok((endpoint, _server)) => *endpoint,
        Err(error) => panic!("{error}"),
    }
}

async fn find_or_start<K: Kind>() -> Result<(Endpoint<K>, Option<Server<K>>), Error> {
    let variable = K::VARIABLE;
    let Ok(value) = std::env::var(variable) else {
        // A static keeps it and is never dropped; the supervisor stops it when this process ends.
        let server = Builder::default().max_connections(300).try_start().await?;
        return Ok((server.endpoint(), Some(server)));
    };
    match value.parse() {
        Ok(address) => Ok((Endpoint::new(address), None)),
        Err(_) => Err(Error::new(format!("{variable}={value}"))),
    }
}
