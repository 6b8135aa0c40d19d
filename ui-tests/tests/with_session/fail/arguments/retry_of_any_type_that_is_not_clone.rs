use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session(retry = 3)]
async fn rename<T: Send>(db: &mut Session<AppDb>, value: T) -> QueryResult<T> {
    let _ = db;
    Ok(value)
}

fn main() {}
