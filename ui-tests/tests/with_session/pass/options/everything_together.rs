use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

fn keep(result: &QueryResult<i32>) -> bool {
    result.is_ok()
}

#[with_session(
    isolation = "serializable",
    read_only,
    deferrable,
    timeout = "5s",
    retry(max = 5, base = "10ms", cap = "1s"),
    savepoint,
    requires_new,
    commit_on = keep,
    detach,
    joined = "total_within",
    crate = ::session_factory,
)]
async fn total(_db: &mut Session<AppDb>, of: Vec<i32>) -> QueryResult<i32> {
    Ok(of.into_iter().sum())
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned(total(vec![1]));
    let _ = total_within;
}
