use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session(read_only, replica = "any")]
async fn anywhere(_db: &mut Session<AppDb>) -> QueryResult<i64> {
    Ok(1)
}

#[with_session(read_only, replica = "caught_up", isolation = "repeatable_read")]
async fn caught_up(_db: &mut Session<AppDb>) -> QueryResult<i64> {
    Ok(1)
}

#[with_session(read_only, replica = "never", isolation = "serializable", deferrable)]
async fn on_the_primary(_db: &mut Session<AppDb>) -> QueryResult<i64> {
    Ok(1)
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned(anywhere());
    spawned(caught_up());
    spawned(on_the_primary());
}
