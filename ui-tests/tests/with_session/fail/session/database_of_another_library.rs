//! A session takes the place of what sqlx, SeaORM and the pools of diesel hand around.
// mistakes: 7
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::bb8::{Pool, PooledConnection};
use session_factory::{SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session]
async fn f0(db: &DatabaseConnection, id: i32) -> Result<i32, SessionError> {
    let _ = db;
    Ok(id)
}

#[with_session]
async fn f1(pool: &PgPool, id: i32) -> Result<i32, SessionError> {
    let _ = pool;
    Ok(id)
}

#[with_session]
async fn f2(pool: Pool<AsyncPgConnection>, id: i32) -> Result<i32, SessionError> {
    let _ = pool;
    Ok(id)
}

#[with_session]
async fn f3(conn: &mut PooledConnection<'_, AsyncPgConnection>) -> Result<(), SessionError> {
    let _ = conn;
    Ok(())
}

#[with_session]
async fn f4(tx: Transaction<'_, AsyncPgConnection>) -> Result<(), SessionError> {
    let _ = tx;
    Ok(())
}

#[with_session]
async fn f5(db: &impl ConnectionTrait) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

#[with_session]
async fn f6(id: i32, pool: &PgPool) -> Result<i32, SessionError> {
    let _ = pool;
    Ok(id)
}

struct DatabaseConnection;
struct PgPool;
struct Transaction<'a, T>(&'a T);
trait ConnectionTrait {}

fn main() {}
