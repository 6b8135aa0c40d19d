use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn rename(db: std::sync::Arc<tokio::sync::Mutex<Session<AppDb>>>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

fn main() {}
