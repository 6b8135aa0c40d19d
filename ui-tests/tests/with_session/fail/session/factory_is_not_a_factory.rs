// mistakes: 2
use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

struct Pool;

#[with_session]
async fn rename(db: &mut Session<Pool>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

fn main() {}
