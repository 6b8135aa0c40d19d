use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite) {
        pool_size = 1,
        max_overflow = 0,
    }
}

#[with_session(requires_new)]
async fn rename(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

#[tokio::main]
async fn main() {
    let _ = rename().await;
}
