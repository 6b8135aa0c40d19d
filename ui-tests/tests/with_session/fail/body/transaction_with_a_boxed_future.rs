// mistakes: 3
use diesel_async::AsyncConnection;
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn clear(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.rollback().await
}

#[with_session]
async fn one(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.transaction::<_, SessionError, _>(|conn| {
        Box::pin(async move {
            clear_in(conn).await?;
            Ok(())
        })
    })
    .await
}

#[with_session]
async fn two(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.transaction(|conn| async move { clear_in(conn).await }.scope_boxed())
        .await
}

#[with_session]
async fn three(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.savepoint(|db| async move { clear_in(db).await }).await
}

fn main() {}
