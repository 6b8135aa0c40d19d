use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn rename(db: &mut Session<AppDb>, id: ) -> Result<(), SessionError> {
    let _ = db;
    users().find(id).await
}

async fn caller(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    rename(1).await?;
    rename_in(db, 1).await?;
    Ok(())
}

fn main() {}
