use session_factory::{SessionError, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

async fn start() -> Result<(), SessionError> {
    let _db = AppDb::connect().await?;
    Ok(())
}

fn main() {
    drop(start());
}
