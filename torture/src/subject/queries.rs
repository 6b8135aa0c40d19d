//! Statements through diesel's own functions, on any type of connection.

use diesel::sql_types::BigInt;
use diesel::{QueryResult, QueryableByName};
use futures_util::future::BoxFuture;

use super::Answer;
use crate::backend::Backend;

diesel::table! {
    /// Without a key, so that a row that is written twice exists twice.
    torture_rows (case_id, unit, item) {
        case_id -> BigInt,
        unit -> Integer,
        item -> Integer,
        payload -> Text,
    }
}

/// A row that a workload writes.
#[derive(Clone, Debug, diesel::Insertable)]
#[diesel(table_name = torture_rows)]
pub(crate) struct Row {
    pub(crate) case_id: i64,
    pub(crate) unit: i32,
    pub(crate) item: i32,
    pub(crate) payload: String,
}

#[derive(QueryableByName)]
pub(super) struct Number {
    #[diesel(sql_type = BigInt)]
    pub(super) n: i64,
}

/// The kinds of statements that workloads run.
pub(crate) trait Queries: Send {
    /// Runs SQL text unchanged, possibly with several statements.
    fn batch<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, QueryResult<()>>;
    /// Runs one statement of SQL text, without values, as a prepared query.
    fn prepared<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, QueryResult<usize>>;
    /// Runs a typed INSERT, which is prepared once and reused.
    fn insert(&mut self, row: Row) -> BoxFuture<'_, QueryResult<usize>>;
    /// Runs SQL with a value, prepared for this call only.
    fn run<'a>(&'a mut self, sql: &'a str, value: i64) -> BoxFuture<'a, QueryResult<usize>>;
    /// Asks the question of every borrower, see [`question`](super::question). A typed query for
    /// the token comes first. It is prepared once, so that a late answer to an earlier query would
    /// look like its answer.
    fn ask(&mut self, backend: Backend, token: i64) -> BoxFuture<'_, QueryResult<Answer>>;
    /// Counts a case's rows with a typed SELECT.
    fn count(&mut self, case: i64) -> BoxFuture<'_, QueryResult<i64>>;
    /// Streams the column `n`, reads at most `at_most` rows, and returns their sum.
    fn stream<'a>(&'a mut self, sql: &'a str, at_most: usize) -> BoxFuture<'a, QueryResult<i64>>;
}

/// `Queries` for a connection type, or for a type with the connection in a field.
macro_rules! queries {
    ([$($generics:tt)*] $type:ty $(, $field:ident)?) => {
        impl<$($generics)*> crate::subject::Queries for $type {
            fn batch<'a>(
                &'a mut self,
                sql: &'a str,
            ) -> futures_util::future::BoxFuture<'a, diesel::QueryResult<()>> {
                Box::pin(diesel_async::SimpleAsyncConnection::batch_execute(
                    &mut *self$(.$field)?,
                    sql,
                ))
            }

            fn prepared<'a>(
                &'a mut self,
                sql: &'a str,
            ) -> futures_util::future::BoxFuture<'a, diesel::QueryResult<usize>> {
                Box::pin(async move {
                    let query = diesel::sql_query(sql);
                    diesel_async::RunQueryDsl::execute(query, &mut *self$(.$field)?).await
                })
            }

            fn insert(
                &mut self,
                row: crate::subject::Row,
            ) -> futures_util::future::BoxFuture<'_, diesel::QueryResult<usize>> {
                use crate::subject::queries::torture_rows;
                Box::pin(async move {
                    let insert = diesel::insert_into(torture_rows::table).values(row);
                    diesel_async::RunQueryDsl::execute(insert, &mut *self$(.$field)?).await
                })
            }

            fn run<'a>(
                &'a mut self,
                sql: &'a str,
                value: i64,
            ) -> futures_util::future::BoxFuture<'a, diesel::QueryResult<usize>> {
                Box::pin(async move {
                    let query = diesel::sql_query(sql).bind::<diesel::sql_types::BigInt, _>(value);
                    diesel_async::RunQueryDsl::execute(query, &mut *self$(.$field)?).await
                })
            }

            fn ask(
                &mut self,
                backend: crate::backend::Backend,
                token: i64,
            ) -> futures_util::future::BoxFuture<
                '_,
                diesel::QueryResult<crate::subject::Answer>,
            > {
                use diesel::IntoSql as _;
                use diesel_async::RunQueryDsl;
                Box::pin(async move {
                    let query = diesel::select(token.into_sql::<diesel::sql_types::BigInt>());
                    let told = RunQueryDsl::get_result(query, &mut *self$(.$field)?).await?;
                    if told != token {
                        return Ok(crate::subject::Answer::wrong(told));
                    }
                    let query = diesel::sql_query(crate::subject::question(backend, token));
                    RunQueryDsl::get_result(query, &mut *self$(.$field)?).await
                })
            }

            fn count(
                &mut self,
                case: i64,
            ) -> futures_util::future::BoxFuture<'_, diesel::QueryResult<i64>> {
                use crate::subject::queries::torture_rows;
                use diesel::{ExpressionMethods, QueryDsl};
                Box::pin(async move {
                    let query = torture_rows::table
                        .filter(torture_rows::case_id.eq(case))
                        .count();
                    diesel_async::RunQueryDsl::get_result(query, &mut *self$(.$field)?).await
                })
            }

            fn stream<'a>(
                &'a mut self,
                sql: &'a str,
                at_most: usize,
            ) -> futures_util::future::BoxFuture<'a, diesel::QueryResult<i64>> {
                use crate::subject::queries::Number;
                use futures_util::StreamExt as _;
                Box::pin(async move {
                    let query = diesel::sql_query(sql);
                    let mut rows = diesel_async::RunQueryDsl::load_stream::<Number>(
                        query,
                        &mut *self$(.$field)?,
                    )
                    .await?;
                    let (mut read, mut sum) = (0, 0);
                    while read < at_most
                        && let Some(row) = rows.next().await
                    {
                        sum += row?.n;
                        read += 1;
                    }
                    Ok(sum)
                })
            }
        }
    };
}
pub(crate) use queries;
