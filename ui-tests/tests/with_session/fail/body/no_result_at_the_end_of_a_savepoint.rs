use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session(savepoint)]
async fn rename(db: &mut Session<AppDb>, id: i32) -> QueryResult<i32> {
    let _ = (db, id);
    id + 1;
}

fn main() {}
