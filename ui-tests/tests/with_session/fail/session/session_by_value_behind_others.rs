use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session]
async fn rename(id: i32, mut db: Session<AppDb>) -> Result<i32, SessionError> {
    db.rollback().await?;
    Ok(id)
}

fn main() {}
