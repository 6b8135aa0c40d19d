//! Every option.

use diesel::result::QueryResult;
use diesel_async::RunQueryDsl;
use session_factory::{Session, with_session};

use crate::functions::of_the_crate_in;
use crate::{AppDb, AppError, Embedded};

const fn keep(result: &Result<usize, AppError>) -> bool {
    result.is_ok()
}

/// All that go together.
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
    joined = "report_within"
)]
pub async fn report(db: &mut Session<AppDb>, mut names: Vec<String>) -> Result<usize, AppError> {
    names.push(String::new());
    let rows = diesel::sql_query("SELECT 1").execute(db).await?;
    Ok(rows.saturating_add(names.len()))
}

/// A savepoint with early ends.
#[with_session(savepoint)]
pub async fn attempt(mut db: &mut Session<AppDb>, id: usize) -> Result<usize, AppError> {
    if id == 0 {
        return Ok(0);
    }
    let rows = diesel::sql_query("SELECT 1").execute(&mut db).await?;
    Ok(rows)
}

/// Tried again, with arguments of every kind.
#[with_session(retry = 5)]
pub async fn again<T: Clone + Send + Sync>(
    db: &mut Session<AppDb>,
    owned: String,
    borrowed: &str,
    counter: &mut u32,
    (a, _): (T, u8),
) -> QueryResult<(usize, T)> {
    *counter = counter.saturating_add(1);
    let rows = diesel::sql_query(borrowed).execute(db).await?;
    Ok((rows.saturating_add(owned.len()), a))
}

/// Without a joining function.
#[with_session(joined = false, retry = 2, immediate)]
pub async fn alone(db: &mut Session<Embedded>, name: String) -> QueryResult<usize> {
    Ok(of_the_crate_in(db).await?.saturating_add(name.len()))
}

/// In a task of its own, for what hides its type.
#[with_session(detach)]
pub async fn hidden(
    db: &mut Session<Embedded>,
    name: String,
) -> QueryResult<impl Clone + Send + use<>> {
    let rows = of_the_crate_in(db).await?;
    Ok((rows, name))
}
