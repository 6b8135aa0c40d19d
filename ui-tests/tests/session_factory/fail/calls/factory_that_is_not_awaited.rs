use session_factory::{SessionError, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

async fn start() -> Result<(), SessionError> {
    let _factory = AppDb::factory()?;
    Ok(())
}

fn main() {
    drop(start());
}
