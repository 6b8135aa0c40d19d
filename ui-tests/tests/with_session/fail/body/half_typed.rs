use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session(retry = 5)]
async fn rename(db: &mut Session<AppDb>, id: i32) -> QueryResult<i32> {
    let _name = (db, id.);
    Ok(id)
}

async fn caller() -> QueryResult<i32> {
    rename(1).await
}

fn main() {}
