use session_factory::{Factory, SessionError, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

async fn start() -> Result<(), SessionError> {
    let factory = Factory::<AppDb>::new("sqlite::memory:");
    factory.create_session().await?.commit().await
}

fn main() {}
