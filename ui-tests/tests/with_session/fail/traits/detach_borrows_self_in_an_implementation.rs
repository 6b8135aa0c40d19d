use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

trait Repository {
    async fn run(&self) -> QueryResult<()>;
}

struct Users;

impl Repository for Users {
    #[with_session(joined = false, detach)]
    async fn run(&self, db: &mut Session<AppDb>) -> QueryResult<()> {
        let _ = db;
        Ok(())
    }
}

fn main() {}
