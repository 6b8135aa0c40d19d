use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

trait Service {
    async fn run(&self, id: i32) -> QueryResult<i32>;
}

struct Users;

impl Service for Users {
    #[with_session]
    async fn run(&self, db: &mut Session<AppDb>, id: i32) -> QueryResult<i32> {
        let _ = db;
        Ok(id)
    }
}

fn main() {}
