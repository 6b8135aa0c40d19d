use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session(detach)]
async fn rename(db: &mut Session<AppDb>, name: impl Into<String> + Send) -> QueryResult<String> {
    let _ = db;
    Ok(name.into())
}

fn main() {}
