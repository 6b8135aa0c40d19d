// mistakes: 1
use session_factory::{SessionError, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

async fn start() -> Result<(), SessionError> {
    let mut db = AppDb::session().read_only().begin().await?;
    db.commit().await
}

fn main() {
    drop(start());
}
