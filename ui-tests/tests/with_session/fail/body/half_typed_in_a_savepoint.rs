use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session(savepoint)]
async fn rename(db: &mut Session<AppDb>, id: i32) -> QueryResult<i32> {
    let id = id +;
    Ok(id)
}

async fn caller(db: &mut Session<AppDb>) -> QueryResult<i32> {
    rename_in(db, 1).await
}

fn main() {}
