// mistakes: 1
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session]
async fn rename(db: &mut Session<AppDb>, id: i32) -> Result<i32, SessionError> {
    db.rollback().await?;
    Ok(id)
}

#[with_session]
async fn rename_first(db: &mut Session<AppDb>) -> Result<i32, SessionError> {
    rename_in(1).await
}

fn main() {
    drop(rename_first());
}
