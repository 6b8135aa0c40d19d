use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[tracing::instrument(skip(db), fields(id = id))]
#[with_session]
async fn above(db: &mut Session<AppDb>, id: i32) -> QueryResult<i32> {
    let _ = db;
    Ok(id)
}

#[with_session(savepoint, retry = 5)]
#[tracing::instrument(skip(db), err)]
async fn below(db: &mut Session<AppDb>, id: i32) -> QueryResult<i32> {
    above_in(db, id).await
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned((above(1), below(1)));
}
