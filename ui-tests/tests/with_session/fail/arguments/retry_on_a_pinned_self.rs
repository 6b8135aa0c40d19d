use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

use std::pin::Pin;

struct Users;

impl Users {
    #[with_session(retry = 5)]
    async fn rename(self: Pin<&mut Self>, db: &mut Session<AppDb>) -> QueryResult<()> {
        let _ = db;
        Ok(())
    }
}

fn main() {}
