use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

trait Repository {
    async fn run(&self) -> QueryResult<i32>;
}

struct Users;

impl Repository for Users {
    #[with_session(joined = false)]
    async fn run(&self, db: &mut Session<AppDb>) -> QueryResult<i32> {
        let _ = db;
        Ok(1)
    }
}

fn main() {
    drop(Users.run());
}
