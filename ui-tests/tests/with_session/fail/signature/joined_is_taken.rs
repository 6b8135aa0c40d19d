use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session(joined = "renamed")]
async fn rename(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

fn renamed() -> bool {
    true
}

fn main() {}
