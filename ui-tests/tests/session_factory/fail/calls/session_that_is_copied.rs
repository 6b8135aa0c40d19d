use session_factory::{SessionError, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

async fn start() -> Result<(), SessionError> {
    let db = AppDb::create_session().await?;
    let _again = db.clone();
    Ok(())
}

fn main() {
    drop(start());
}
