use session_factory::{SessionError, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

async fn start() -> Result<(), SessionError> {
    let _factory = session_factory::Factory::<OtherDb>::new(AppDbConfig::from_env()?);
    Ok(())
}

fn main() {
    drop(start());
}
