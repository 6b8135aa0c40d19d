use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn numbers(db: &mut Session<AppDb>, count: i32) -> QueryResult<impl Iterator<Item = i32>> {
    let _ = db;
    Ok(0..count)
}

#[with_session]
async fn later(db: &mut Session<AppDb>) -> QueryResult<impl Future<Output = i32>> {
    let _ = db;
    Ok(async { 1 })
}

#[with_session(retry = 3, commit_on = always)]
async fn again(db: &mut Session<AppDb>, count: i32) -> QueryResult<impl Iterator<Item = i32>> {
    let _ = db;
    Ok(0..count)
}

fn always<T>(_: &QueryResult<T>) -> bool {
    true
}

fn main() {
    drop((numbers(1), later(), again(1)));
}
