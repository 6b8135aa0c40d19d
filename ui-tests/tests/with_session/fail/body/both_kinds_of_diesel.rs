//! Two traits have a `load`. Remove `use diesel::RunQueryDsl`, which blocks, and keep the one of `diesel_async`.
use diesel::{QueryDsl, RunQueryDsl as _};
use diesel_async::RunQueryDsl;
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

diesel::table! {
    users (id) {
        id -> Integer,
    }
}

#[with_session]
async fn ids(db: &mut Session<AppDb>) -> Result<Vec<i32>, SessionError> {
    Ok(users::table.select(users::id).load(db).await?)
}

fn main() {}
