use diesel::result::QueryResult;
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::bb8::Pool as Pooled;
use session_factory::{session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

type Pool = Pooled<AsyncPgConnection>;

#[with_session(AppDb)]
async fn rename(pool: &mut Pool) -> QueryResult<()> {
    let _ = pool;
    Ok(())
}

fn main() {}
