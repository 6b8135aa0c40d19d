// mistakes: 2
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn clear(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.commit().await?;
    db.close().await?;
    Ok(())
}

async fn two() -> Result<(), SessionError> {
    AppDb::with_session(async |db| db.close().await).await
}

fn main() {}
