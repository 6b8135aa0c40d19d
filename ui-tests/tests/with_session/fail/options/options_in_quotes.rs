// mistakes: 3
use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session("read_only")]
async fn rename(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

#[with_session(isolation = "SERIALIZABLE")]
async fn again(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

#[with_session(timeout = 5s)]
async fn late(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

fn main() {}
