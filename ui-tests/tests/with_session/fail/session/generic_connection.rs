// mistakes: 2
use diesel::result::QueryResult;
use session_factory::{session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

use diesel_async::AsyncConnection;

#[with_session(AppDb)]
async fn rename<C: AsyncConnection>(conn: &mut C) -> QueryResult<()> {
    let _ = conn;
    Ok(())
}

#[with_session(AppDb)]
async fn again(conn: &mut impl AsyncConnection) -> QueryResult<()> {
    let _ = conn;
    Ok(())
}

fn main() {}
