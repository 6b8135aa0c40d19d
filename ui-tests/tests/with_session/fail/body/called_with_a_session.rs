//! Inside of a session call the joining form: `rename_in(db, 1)`.
// mistakes: 4

use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn rename(db: &mut Session<AppDb>, id: i32) -> QueryResult<i32> {
    let _ = db;
    Ok(id)
}

#[with_session]
async fn twice(db: &mut Session<AppDb>) -> QueryResult<i32> {
    let first = rename(db, 1).await?;
    Ok(first + rename(db, 2).await?)
}

struct Users;

impl Users {
    #[with_session]
    async fn find(&self, db: &mut Session<AppDb>) -> QueryResult<i32> {
        rename_in(db, 1).await
    }

    #[with_session]
    async fn all(&self, db: &mut Session<AppDb>) -> QueryResult<i32> {
        if true {
            return self.find(db).await;
        }
        rename(db, 1).await
    }
}

fn main() {}
