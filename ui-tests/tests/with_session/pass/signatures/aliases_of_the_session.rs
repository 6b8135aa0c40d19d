use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

type Db = Session<AppDb>;

#[with_session]
async fn rename(_db: &mut Db, id: i32) -> QueryResult<i32> {
    Ok(id)
}

#[with_session(savepoint, retry = 1)]
async fn remove(db: &mut Db, id: i32) -> QueryResult<i32> {
    rename_in(db, id).await
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned((rename(1), remove(1)));
}
