use session_factory::{SessionError, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

async fn rename() -> Result<(), SessionError> {
    let mut db = AppDb::session().await?;
    db.commit().await
}

fn main() {}
