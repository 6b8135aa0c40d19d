//! Behind `self` the messages speak of the parameters after it.
// mistakes: 3
use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

struct Users;

impl Users {
    #[with_session]
    async fn rename(&self, db: &Session<AppDb>) -> QueryResult<()> {
        let _ = db;
        Ok(())
    }

    #[with_session]
    async fn remove(&self, id: i32) -> QueryResult<i32> {
        Ok(id)
    }

    #[with_session]
    async fn find(&self, id: i32, db: &mut Session<AppDb>) -> QueryResult<i32> {
        let _ = db;
        Ok(id)
    }
}

fn main() {}
