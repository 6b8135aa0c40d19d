use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

trait Repository {
    #[with_session(joined = "run_within")]
    async fn run(&self, db: &mut Session<AppDb>) -> QueryResult<i32>;
}

struct Users;

impl Repository for Users {
    async fn run_within(&self, db: &mut Session<AppDb>) -> QueryResult<i32> {
        let _ = db;
        Ok(1)
    }
}

fn main() {
    drop(Users.run());
}
