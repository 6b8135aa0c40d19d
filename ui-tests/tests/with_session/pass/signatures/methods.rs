#![deny(warnings, clippy::pedantic, missing_docs)]
#![allow(
    clippy::missing_errors_doc,
    clippy::multiple_bound_locations,
    clippy::needless_lifetimes,
    clippy::no_effect_underscore_binding,
    clippy::unused_async,
    clippy::used_underscore_binding,
    reason = "of the functions as they are written here, not of what the macro makes of them"
)]
//! Methods with every kind of `self`, associated functions with and without `Self`, generic types.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    /// The database.
    pub struct AppDb(Postgres);
}

/// Repository of users.
#[derive(Clone, Default, Debug)]
pub struct Users {
    name: String,
}

impl Users {
    /// Neither `self` nor the type's name.
    ///
    /// # Errors
    /// None.
    #[with_session]
    pub async fn count(db: &mut Session<AppDb>) -> QueryResult<i64> {
        let _ = db;
        Ok(1)
    }

    /// Its own type as the result.
    #[with_session]
    pub async fn load(_db: &mut Session<AppDb>, name: &str) -> QueryResult<Self> {
        Ok(Self {
            name: name.to_owned(),
        })
    }

    /// A reference.
    #[with_session]
    pub async fn name(&self, _db: &mut Session<AppDb>) -> QueryResult<&str> {
        Ok(&self.name)
    }

    /// A mutable reference.
    #[with_session]
    pub async fn rename(&mut self, db: &mut Session<AppDb>, name: String) -> QueryResult<()> {
        self.name = name;
        self.name_in(db).await.map(drop)
    }

    /// By value.
    #[with_session]
    pub async fn consume(mut self, _db: &mut Session<AppDb>) -> QueryResult<String> {
        self.name.push('!');
        Ok(self.name)
    }

    /// Shared.
    #[with_session]
    pub async fn shared(self: Arc<Self>, _db: &mut Session<AppDb>) -> QueryResult<String> {
        Ok(self.name.clone())
    }

    /// Boxed.
    #[with_session]
    pub async fn boxed(mut self: Box<Self>, _db: &mut Session<AppDb>) -> QueryResult<String> {
        self.name.push('!');
        Ok(self.name)
    }

    /// Pinned.
    #[with_session]
    pub async fn pinned(self: Pin<&mut Self>, _db: &mut Session<AppDb>) -> QueryResult<String> {
        Ok(self.name.clone())
    }

    /// On one thread.
    #[with_session]
    pub async fn local(self: Rc<Self>, _db: &mut Session<AppDb>) -> QueryResult<String> {
        Ok(self.name.clone())
    }
}

/// A generic repository.
#[derive(Debug)]
pub struct Repository<T>(T);

impl<T> Repository<T>
where
    T: Clone + Send + Sync,
{
    /// Makes one.
    #[with_session]
    pub async fn first(db: &mut Session<AppDb>, all: Vec<T>) -> QueryResult<Option<T>> {
        let _ = db;
        Ok(all.into_iter().next())
    }

    /// Hides the item.
    #[with_session]
    pub async fn hidden(&self, _db: &mut Session<AppDb>) -> QueryResult<impl Clone + use<T>> {
        Ok(self.0.clone())
    }
}

/// A trait whose functions open their own session.
pub trait Service {
    /// Required by the trait.
    fn run(&self, id: i32) -> impl Future<Output = QueryResult<i32>> + Send;
}

impl Service for Users {
    #[with_session(joined = false)]
    async fn run(&self, db: &mut Session<AppDb>, id: i32) -> QueryResult<i32> {
        self.name_in(db).await?;
        Ok(id)
    }
}

/// A trait that has both functions.
#[allow(async_fn_in_trait)]
pub trait Both {
    /// Implementations write `total_in`.
    #[with_session]
    async fn total(&self, db: &mut Session<AppDb>, id: i32) -> QueryResult<i32>;

    /// Provided.
    #[with_session]
    async fn twice(&self, db: &mut Session<AppDb>) -> QueryResult<i32> {
        Ok(self.total_in(db, 1).await? + self.total_in(db, 2).await?)
    }
}

impl Both for Users {
    async fn total_in(&self, _db: &mut Session<AppDb>, id: i32) -> QueryResult<i32> {
        Ok(id)
    }
}

fn spawned<T: Send>(_: T) {}

fn main() {
    let mut users = Users::default();
    spawned(Users::count());
    spawned(Users::load("a"));
    spawned(users.name());
    spawned(users.rename(String::new()));
    spawned(users.clone().consume());
    spawned(Arc::new(users.clone()).shared());
    spawned(Box::new(users.clone()).boxed());
    spawned(Pin::new(&mut users).pinned());
    drop(Rc::new(users.clone()).local());
    spawned(Repository::first(vec![1]));
    spawned(Repository(1).hidden());
    spawned(users.run(1));
    drop(users.total(1));
    drop(users.twice());
}
