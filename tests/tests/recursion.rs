//! How deeply the compiler must look into a service to see that its tasks are `Send`.
#![recursion_limit = "80"]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::pin::Pin;

use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use session_factory::{Session, with_session};
use session_factory_tests::{AppError, PgDb, items};

type Reply = Pin<Box<dyn Future<Output = u16> + Send>>;

/// The bounds that a web framework puts on its handlers.
trait Handler<A>: Clone + Send + 'static {
    fn call(self, argument: A) -> Reply;
}

impl<A, H, O> Handler<A> for H
where
    H: FnOnce(A) -> O + Clone + Send + 'static,
    O: Future<Output = Result<usize, AppError>> + Send,
    A: Send + 'static,
{
    fn call(self, argument: A) -> Reply {
        Box::pin(async move {
            let answered = tokio::spawn(async move { traced(self(argument)).await });
            match answered.await {
                Ok(Ok(_)) => 200,
                _ => 500,
            }
        })
    }
}

async fn traced<T>(call: impl Future<Output = T>) -> T {
    timed(async { counted(call).await }).await
}

async fn timed<T>(call: impl Future<Output = T>) -> T {
    call.await
}

async fn counted<T>(call: impl Future<Output = T>) -> T {
    call.await
}

#[with_session]
async fn add(db: &mut Session<PgDb>, id: i32) -> Result<usize, AppError> {
    let added = db.transaction(async |db| insert(db, id).await).await?;
    db.savepoint(async |db| {
        insert(db, id + 1).await?;
        Ok::<_, AppError>(())
    })
    .await?;
    Ok(added)
}

async fn insert(db: &mut Session<PgDb>, id: i32) -> QueryResult<usize> {
    diesel::insert_into(items::table)
        .values((items::id.eq(id), items::name.eq("deep")))
        .execute(db)
        .await
}

#[with_session(retry = 2, timeout = "10s")]
async fn add_again(db: &mut Session<PgDb>, id: i32) -> Result<usize, AppError> {
    service(db, id).await
}

async fn service(db: &mut Session<PgDb>, id: i32) -> Result<usize, AppError> {
    repository(db, id).await
}

async fn repository(db: &mut Session<PgDb>, id: i32) -> Result<usize, AppError> {
    let added = add_in(db, id).await?;
    db.commit().await?;
    Ok(added)
}

async fn outer(id: i32) -> Result<usize, AppError> {
    middle(id).await
}

async fn middle(id: i32) -> Result<usize, AppError> {
    Ok(add(id).await? + add_again(id + 2).await?)
}

#[test]
fn a_service_needs_no_higher_recursion_limit() {
    // It only has to compile.
    drop(outer.call(1));
}
