#![deny(warnings)]
//! `#[deprecated]` warns those who call a function, and not the function itself.

use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[deprecated]
#[with_session]
async fn above(_db: &mut Session<AppDb>) -> QueryResult<i32> {
    Ok(1)
}

#[with_session(retry = 2)]
#[deprecated(since = "1.0.0", note = "old")]
async fn below(_db: &mut Session<AppDb>) -> QueryResult<i32> {
    Ok(1)
}

#[with_session(savepoint)]
#[cfg_attr(all(), deprecated)]
async fn conditionally(_db: &mut Session<AppDb>) -> QueryResult<i32> {
    Ok(1)
}

#[with_session(joined = false)]
#[deprecated]
async fn alone(_db: &mut Session<AppDb>) -> QueryResult<i32> {
    Ok(1)
}

struct Users;

impl Users {
    #[with_session]
    #[deprecated]
    async fn method(&self, _db: &mut Session<AppDb>) -> QueryResult<i32> {
        Ok(1)
    }
}

#[with_session]
#[allow(deprecated)]
async fn caller(db: &mut Session<AppDb>) -> QueryResult<i32> {
    Ok(above_in(db).await? + below_in(db).await? + conditionally_in(db).await? + Users.method_in(db).await?)
}

fn main() {
    drop(caller());
    #[allow(deprecated)]
    drop((above(), below(), conditionally(), alone(), Users.method()));
}
