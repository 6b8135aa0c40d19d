use session_factory::{SessionError, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

async fn count() -> Result<usize, SessionError> {
    AppDb::session().read_only().run(async |_db| Ok(1)).await
}

fn main() {
    drop(count());
}
