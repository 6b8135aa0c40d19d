use session_factory::{SessionError, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

async fn start() -> Result<(), SessionError> {
    AppDb::init("sqlite:app.db").await?;
    Ok(())
}

fn main() {
    drop(start());
}
