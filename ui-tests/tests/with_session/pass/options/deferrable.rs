use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session(isolation = "serializable", read_only, deferrable)]
async fn report(_db: &mut Session<AppDb>) -> QueryResult<i64> {
    Ok(1)
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned(report());
}
