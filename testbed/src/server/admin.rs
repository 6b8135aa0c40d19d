//! An administrator's connection, which observes the server from outside the tested code.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::kind::{Kind, Rows};
use crate::background;

/// A connection with all privileges. It is opened on first use, and again after it was lost.
///
/// It never appears in its own figures of the server's activity, and it bypasses any proxy. Clones share the
/// connection.
#[derive(Debug)]
pub struct Admin<K: Kind> {
    inner: Arc<Inner<K>>,
}

impl<K: Kind> Clone for Admin<K> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

#[derive(Debug)]
struct Inner<K: Kind> {
    address: SocketAddr,
    database: Option<String>,
    client: Mutex<Option<K::Client>>,
}

impl<K: Kind> Admin<K> {
    pub(crate) fn new(address: SocketAddr, database: Option<&str>) -> Self {
        Self {
            inner: Arc::new(Inner {
                address,
                database: database.map(str::to_owned),
                client: Mutex::new(None),
            }),
        }
    }

    /// The database that it connects to.
    pub(crate) fn database(&self) -> Option<&str> {
        self.inner.database.as_deref()
    }

    /// Runs statements, separated by semicolons.
    ///
    /// # Panics
    /// If a statement fails.
    pub async fn execute(&self, sql: &str) {
        self.rows(sql).await;
    }

    /// Returns a query's rows, each value as text.
    ///
    /// # Panics
    /// If the query fails.
    pub async fn rows(&self, sql: &str) -> Rows {
        self.try_rows(sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {}", K::describe(&error)))
    }

    /// Returns a query's rows, each value as text, or the server's error.
    pub async fn try_rows(&self, sql: &str) -> Result<Rows, K::Error> {
        let (inner, sql) = (Arc::clone(&self.inner), sql.to_owned());
        background::run_boxed(async move { inner.rows(&sql).await }).await
    }

    /// Returns the single text that a query selects.
    pub async fn text(&self, sql: &str) -> String {
        let value = self
            .rows(sql)
            .await
            .into_iter()
            .next()
            .and_then(|row| row.into_iter().next()?);
        value.unwrap_or_else(|| panic!("{sql}: no value"))
    }

    /// Returns the single number that a query selects.
    pub async fn integer(&self, sql: &str) -> i64 {
        let text = self.text(sql).await;
        text.parse()
            .unwrap_or_else(|_| panic!("{sql}: {text} is no whole number"))
    }

    /// Closes the administrator's connection; the next call opens another one.
    pub async fn disconnect(&self) {
        let client = self.inner.client.lock().await.take();
        background::run(async move { drop(client) }).await;
    }
}

impl<K: Kind> Inner<K> {
    async fn rows(&self, sql: &str) -> Result<Rows, K::Error> {
        let mut slot = self.client.lock().await;
        if let Some(client) = slot.as_mut() {
            match K::query(client, sql).await {
                // The server was restarted since the last call, which only this call notices.
                Err(error) if K::is_lost(client, &error) => *slot = None,
                answer => return answer,
            }
        }
        let client = K::connect(self.address, self.database.as_deref()).await?;
        K::query(slot.insert(client), sql).await
    }
}
