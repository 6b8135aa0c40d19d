//! Other attributes, and the calls of a factory.
#![allow(
    clippy::diverging_sub_expression,
    reason = "of the checks that `#[debug_handler]` makes, on any handler"
)]

use std::time::Duration;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use diesel::result::QueryResult;
use diesel_async::RunQueryDsl;
use session_factory::{Session, SessionError, with_session};

use crate::{AppDb, AppDbConfig, AppError};

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

/// Traced.
#[with_session]
#[tracing::instrument(skip(db), err)]
pub async fn traced(db: &mut Session<AppDb>, id: i32) -> QueryResult<usize> {
    diesel::sql_query("SELECT 1").execute(db).await
}

/// Traced, in the other order.
#[tracing::instrument(skip(db))]
#[with_session]
pub async fn traced_above(db: &mut Session<AppDb>, id: i32) -> QueryResult<usize> {
    traced_in(db, id).await
}

/// A handler.
#[with_session(timeout = "5s")]
#[axum::debug_handler]
pub async fn show(db: &mut Session<AppDb>, Path(id): Path<i32>) -> Result<String, AppError> {
    let rows = traced_in(db, id).await?;
    Ok(rows.to_string())
}

/// What remains of it.
#[with_session]
#[deprecated(since = "1.0.0", note = "use `traced`")]
#[must_use = "it counts"]
#[inline]
pub async fn old(db: &mut Session<AppDb>) -> QueryResult<usize> {
    traced_in(db, 1).await
}

/// With expectations.
#[with_session]
#[expect(unused_variables, reason = "shown")]
pub async fn expected(db: &mut Session<AppDb>, id: i32, unused: u8) -> QueryResult<usize> {
    traced_in(db, id).await
}

/// A factory's own calls.
///
/// # Errors
/// Those of the database.
pub async fn calls() -> Result<usize, SessionError> {
    let config = AppDbConfig::from_env()?;
    AppDb::init().await?;
    let mut db = AppDb::create_session().await?;
    let rows = traced_in(&mut db, 1).await?;
    db.commit().await?;
    db.close().await?;
    let more = AppDb::with_session(async |own| traced_in(own, 2).await).await?;
    let options = AppDb::session().retry(3).timeout(Duration::from_secs(5));
    let most = options.run(async |own| traced_in(own, 3).await).await?;
    let free = AppDb::status().in_use == 0;
    let took = AppDb::health().await?;
    let report = AppDb::shutdown(config.pool_timeout).await;
    if free && report.is_clean() && took.is_zero() {
        return Ok(rows);
    }
    Ok(rows.saturating_add(more).saturating_add(most))
}
