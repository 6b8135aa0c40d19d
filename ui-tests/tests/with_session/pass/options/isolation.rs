use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session(isolation = "serializable")]
async fn one(_db: &mut Session<AppDb>) -> QueryResult<()> {
    Ok(())
}

#[with_session(isolation = "repeatable_read")]
async fn two(_db: &mut Session<AppDb>) -> QueryResult<()> {
    Ok(())
}

#[with_session(isolation = "read_committed")]
async fn three(_db: &mut Session<AppDb>) -> QueryResult<()> {
    Ok(())
}

#[with_session(isolation = "read_uncommitted")]
async fn four(_db: &mut Session<AppDb>) -> QueryResult<()> {
    Ok(())
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned((one(), two(), three(), four()));
}
