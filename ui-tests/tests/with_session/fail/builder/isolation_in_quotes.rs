use session_factory::{SessionError, session_factory};

session_factory! {
    pub struct AppDb(Postgres);
}

async fn clear() -> Result<(), SessionError> {
    AppDb::session()
        .isolation("serializable")
        .run(async |db| db.rollback().await)
        .await
}

fn main() {}
