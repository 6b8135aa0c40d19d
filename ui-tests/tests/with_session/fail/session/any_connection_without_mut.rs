use diesel::result::QueryResult;
use diesel_async::AsyncConnection;
use session_factory::{session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session(AppDb)]
async fn rename(db: &(impl AsyncConnection + Send)) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

fn main() {}
