//! Helpers for the tests of connecting.

use diesel::QueryableByName;
use session_factory::{ConnectError, Factory, SessionError};

use crate::{PgDb, pg_config};

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = diesel::sql_types::Text)]
    answer: String,
}

/// A factory that opens one connection.
pub fn one_connection(url: &str) -> Factory<PgDb> {
    Factory::new(pg_config(url, |config| {
        config.pool_size = 1;
        config.max_overflow = 0;
    }))
}

/// The value of an SQL expression, as text.
pub async fn ask(factory: &Factory<PgDb>, what: &str) -> Result<String, SessionError> {
    use diesel_async::RunQueryDsl as _;
    let sql = format!("SELECT {what}::text AS answer");
    factory
        .with_session(async |db| {
            let answer: Answer = diesel::sql_query(sql).get_result(db).await?;
            Ok(answer.answer)
        })
        .await
}

/// The reason why there was no connection.
pub fn connect_error(error: &SessionError) -> ConnectError {
    let SessionError::Acquire(error) = error else {
        panic!("{error:?}")
    };
    error.connect_error().expect("a connect error").clone()
}
