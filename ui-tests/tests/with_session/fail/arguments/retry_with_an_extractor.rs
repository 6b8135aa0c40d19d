use axum::extract::Path;
use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session(retry = 3)]
async fn remove(_db: &mut Session<AppDb>, Path(id): Path<i32>) -> QueryResult<i32> {
    Ok(id)
}

fn main() {}
