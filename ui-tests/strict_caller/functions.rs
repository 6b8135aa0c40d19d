//! Free functions.

use std::fmt::Display;

use diesel::result::QueryResult;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use session_factory::{Session, SessionError, SessionFactory, with_session};

use crate::{AppDb, AppError, Embedded};

/// No arguments.
#[with_session]
pub async fn nothing(db: &mut Session<AppDb>) -> QueryResult<usize> {
    diesel::sql_query("SELECT 1").execute(db).await
}

/// Another error type, and sections of its own.
///
/// # Errors
/// When the database has gone.
#[with_session]
pub async fn documented(db: &mut Session<AppDb>, name: &str) -> Result<usize, AppError> {
    let rows = nothing_in(db).await?;
    Ok(rows.saturating_add(name.len()))
}

/// A pair of numbers.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// From where.
    pub from: usize,
    /// How many.
    pub count: usize,
}

/// Patterns, `mut`, and names that lints have an opinion about.
#[with_session]
pub async fn patterns(
    db: &mut Session<AppDb>,
    Page { from, count }: Page,
    (a, _): (usize, u8),
    mut sum: usize,
    _unused: i64,
    _: u8,
) -> QueryResult<usize> {
    sum = sum
        .saturating_add(from)
        .saturating_add(count)
        .saturating_add(a);
    Ok(nothing_in(db).await?.saturating_add(sum))
}

/// Types, lifetimes and numbers.
#[with_session]
pub async fn generic<'a, T, const N: usize>(
    db: &mut Session<AppDb>,
    items: &'a [T; N],
    other: &str,
) -> QueryResult<&'a [T]>
where
    T: Display + Send + Sync,
{
    let all = items.iter().map(ToString::to_string).collect::<String>();
    let _rows = documented_in(db, &(all + other)).await.ok();
    Ok(items)
}

/// `impl Trait` in and out.
#[with_session]
pub async fn hidden(
    db: &mut Session<AppDb>,
    name: impl Into<String> + Send,
) -> Result<impl Iterator<Item = usize> + Send, SessionError> {
    let name: String = name.into();
    let rows = nothing_in(db).await?;
    Ok(0..rows.saturating_add(name.len()))
}

/// Any factory.
#[with_session]
pub async fn of_any_factory<F: SessionFactory>(db: &mut Session<F>) -> Result<bool, SessionError> {
    db.rollback().await?;
    Ok(db.in_transaction())
}

/// The backend's own connection.
#[with_session(AppDb)]
pub async fn on_postgres(conn: &mut AsyncPgConnection) -> QueryResult<usize> {
    diesel::sql_query("SELECT 1").execute(conn).await
}

/// The backend's own connection.
#[with_session(Embedded)]
pub async fn on_sqlite(
    conn: &mut SyncConnectionWrapper<diesel::SqliteConnection>,
) -> QueryResult<usize> {
    diesel::sql_query("SELECT 1").execute(conn).await
}

// Not used by anybody: only one of the two is.
#[with_session]
async fn private(db: &mut Session<Embedded>) -> QueryResult<usize> {
    diesel::sql_query("SELECT 1").execute(db).await
}

#[with_session]
pub(crate) async fn of_the_crate(db: &mut Session<Embedded>) -> QueryResult<usize> {
    private_in(db).await
}
