use std::pin::Pin;

use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[with_session]
pub fn rename(db: &mut Session<AppDb>) -> BoxFuture<'_, Result<(), SessionError>> {
    Box::pin(async move { db.rollback().await })
}

fn main() {}
