use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session(read_only)]
async fn count(_db: &mut Session<AppDb>) -> QueryResult<i64> {
    Ok(1)
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned(count());
}
