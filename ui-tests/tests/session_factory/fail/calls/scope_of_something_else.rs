// mistakes: 4
use session_factory::{Factory, Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn clear(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.rollback().await
}

async fn one(factory: Factory<AppDb>) -> Result<(), SessionError> {
    factory.scope(|| clear()).await
}

async fn two(factory: Factory<AppDb>) -> Result<(), SessionError> {
    factory.scope(async || clear().await).await?;
    Ok(())
}

async fn three(factory: Factory<AppDb>) -> Result<(), SessionError> {
    factory.scope(async |db| clear_in(db).await).await
}

async fn four(factory: Factory<AppDb>) -> Result<(), SessionError> {
    factory.scope(clear).await
}

fn main() {}
