use session_factory::{SessionError, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

async fn start() -> Result<(), SessionError> {
    let _db = AppDb::session().await?;
    Ok(())
}

fn main() {
    drop(start());
}
