//! Creates a server: its settings, its data folder, its users.

use super::{Data, Kind, Server};
use crate::{Error, background};

/// The settings of a private server, made by [`Server::builder`].
#[derive(Clone, Debug)]
#[must_use = "nothing happens before `start`"]
pub struct Builder<K: Kind> {
    pub(crate) max_connections: u32,
    pub(crate) config: Vec<(String, String)>,
    pub(crate) options: K::Options,
}

impl<K: Kind> Default for Builder<K> {
    fn default() -> Self {
        Self {
            max_connections: 100,
            config: Vec::new(),
            options: K::Options::default(),
        }
    }
}

impl<K: Kind> Builder<K> {
    /// How many connections each of the users `app` and `guarded` may have. Default: 100.
    ///
    /// The server refuses one more: PostgreSQL with SQLSTATE 53300, as if it were full, MariaDB with error 1226. The
    /// administrator has reserved connections, and so neither uses up one of these nor is refused.
    pub fn max_connections(mut self, limit: u32) -> Self {
        self.max_connections = limit;
        self
    }

    /// Adds a setting to the server's configuration. It overrides the testbed's own.
    pub fn config(mut self, name: &str, value: &str) -> Self {
        self.config.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts the server.
    ///
    /// # Panics
    /// If the server cannot be found, installed or started. The text says why.
    pub async fn start(self) -> Server<K> {
        self.try_start()
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts the server, or says why that is not possible.
    pub async fn try_start(self) -> Result<Server<K>, Error> {
        background::run_boxed(async move {
            let limit = self.max_connections;
            let server = self.prepare().await?;
            server.try_start_with(&[]).await?;
            K::prepare(server.admin(), limit).await?;
            Ok(server)
        })
        .await
    }

    /// Creates the data folder of a server that is not started yet.
    pub(crate) async fn prepare(self) -> Result<Server<K>, Error> {
        let data = background::run_blocking(move || self.initialise()).await?;
        Ok(Server::new(data))
    }

    fn initialise(self) -> Result<Data<K>, Error> {
        let data = Data::empty()?;
        K::fill(&data, &self).map_err(|error| Error::new(format!("{}: {error}", K::NAME)))?;
        Ok(data)
    }
}
