// mistakes: 3
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
    tokio::spawn(async move { clear_in(db).await });
    Ok(())
}

#[with_session]
async fn two(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    let _ = tokio::task::spawn(clear_in(db)).await;
    Ok(())
}

#[with_session]
async fn three(db: &mut Session<AppDb>, ids: &[i32]) -> Result<(), SessionError> {
    tokio::spawn(async move {
        for id in ids {
            println!("{id}");
        }
    });
    db.commit().await
}

fn main() {}
