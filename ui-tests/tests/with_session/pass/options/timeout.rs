use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session(timeout = "5s")]
async fn one(_db: &mut Session<AppDb>) -> QueryResult<()> {
    Ok(())
}

#[with_session(timeout = "1m 30s 5ms")]
async fn two(_db: &mut Session<AppDb>) -> QueryResult<()> {
    Ok(())
}

#[with_session(timeout = "1500us",)]
async fn three(_db: &mut Session<AppDb>) -> QueryResult<()> {
    Ok(())
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned((one(), two(), three()));
}
