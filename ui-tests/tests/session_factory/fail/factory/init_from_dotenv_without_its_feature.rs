// mistakes: 2
use session_factory::{SessionError, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

async fn start() -> Result<AppDbConfig, SessionError> {
    AppDb::init_from_dotenv().await?;
    Ok(AppDbConfig::from_dotenv()?)
}

fn main() {
    drop(start());
}
