use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn rename(db: &mut Session<AppDb>, id: i32, name: &str) -> Result<(), SessionError> {
    let _ = (id, name);
    db.commit().await
}

async fn work() -> Result<(), SessionError> {
    let mut db = AppDb::create_session().await?;
    rename(&mut db, 1, "Ada").await?;
    db.commit().await
}

fn main() {}
