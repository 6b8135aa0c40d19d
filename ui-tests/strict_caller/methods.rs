//! Methods, traits and their implementations.

use std::sync::Arc;

use async_trait::async_trait;
use diesel::result::QueryResult;
use diesel_async::RunQueryDsl;
use session_factory::{Session, with_session};

use crate::AppDb;

/// Users.
#[derive(Debug, Clone, Default)]
pub struct Users {
    name: String,
}

impl Users {
    /// Neither `self` nor `Self`.
    #[with_session]
    pub async fn count(db: &mut Session<AppDb>) -> QueryResult<usize> {
        diesel::sql_query("SELECT 1").execute(db).await
    }

    /// A reference.
    #[with_session(savepoint)]
    pub async fn name(&self, db: &mut Session<AppDb>) -> QueryResult<&str> {
        let _rows = Self::count_in(db).await?;
        Ok(&self.name)
    }

    /// A mutable reference.
    #[with_session(retry = 2)]
    pub async fn rename(&mut self, db: &mut Session<AppDb>, name: String) -> QueryResult<()> {
        self.name = name;
        self.name_in(db).await.map(drop)
    }

    /// By value.
    #[with_session]
    pub async fn consume(mut self, db: &mut Session<AppDb>) -> QueryResult<String> {
        self.name.push('!');
        let _rows = Self::count_in(db).await?;
        Ok(self.name)
    }

    /// Shared.
    #[with_session(detach)]
    pub async fn shared(self: Arc<Self>, db: &mut Session<AppDb>) -> QueryResult<String> {
        self.name_in(db).await.map(str::to_owned)
    }
}

/// A service, as a trait.
pub trait Service {
    /// Does it.
    fn run(&self, id: usize) -> impl Future<Output = QueryResult<usize>> + Send;
}

impl Service for Users {
    #[with_session(joined = false, timeout = "5s")]
    async fn run(&self, db: &mut Session<AppDb>, id: usize) -> QueryResult<usize> {
        Ok(self.name_in(db).await?.len().saturating_add(id))
    }
}

/// A service, as an object.
#[async_trait]
pub trait Boxed: Send + Sync {
    /// Does it.
    async fn run_boxed(&self, id: usize) -> QueryResult<usize>;
}

#[async_trait]
impl Boxed for Users {
    #[with_session(joined = false)]
    async fn run_boxed(&self, db: &mut Session<AppDb>, id: usize) -> QueryResult<usize> {
        Ok(self.name_in(db).await?.len().saturating_add(id))
    }
}
