//! Nothing is said of a body that may use its session, nor of a call that is right with it.
#![deny(warnings)]
#![allow(dead_code)]

use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

async fn rest() -> QueryResult<()> {
    Ok(())
}

#[with_session]
async fn underscore(_db: &mut Session<AppDb>) -> QueryResult<()> {
    rest().await
}

#[with_session]
async fn unfinished(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    rest().await?;
    todo!("the rest")
}

#[with_session]
#[allow(unused_variables)]
async fn silenced(db: &mut Session<AppDb>) -> QueryResult<()> {
    rest().await
}

#[with_session]
async fn shadowed(db: &mut Session<AppDb>) -> QueryResult<()> {
    let named = async |db: &mut Session<AppDb>| {
        let _ = db;
        QueryResult::Ok(())
    };
    named(db).await
}

mod plain {
    use super::{AppDb, QueryResult, Session, with_session};

    async fn named(db: &mut Session<AppDb>) -> QueryResult<()> {
        let _ = db;
        Ok(())
    }

    #[with_session]
    async fn calls_a_helper(db: &mut Session<AppDb>) -> QueryResult<()> {
        named(db).await
    }
}

mod annotated {
    use super::{AppDb, QueryResult, Session, with_session};

    #[with_session]
    async fn named(db: &mut Session<AppDb>) -> QueryResult<()> {
        let _ = db;
        Ok(())
    }
}

fn main() {}
