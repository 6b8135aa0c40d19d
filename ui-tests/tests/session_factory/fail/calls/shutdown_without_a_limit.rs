use session_factory::{SessionError, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

async fn start() -> Result<(), SessionError> {
    AppDb::shutdown().await;
    Ok(())
}

fn main() {
    drop(start());
}
