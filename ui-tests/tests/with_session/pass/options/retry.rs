use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session(retry = 5)]
async fn one(_db: &mut Session<AppDb>) -> QueryResult<()> {
    Ok(())
}

#[with_session(retry(max = 5))]
async fn two(_db: &mut Session<AppDb>) -> QueryResult<()> {
    Ok(())
}

#[with_session(retry(cap = "10s", base = "2s", max = 1,))]
async fn three(_db: &mut Session<AppDb>) -> QueryResult<()> {
    Ok(())
}

#[with_session(retry(max = 1, base = "2s"))]
async fn four(_db: &mut Session<AppDb>) -> QueryResult<()> {
    Ok(())
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned((one(), two(), three(), four()));
}
