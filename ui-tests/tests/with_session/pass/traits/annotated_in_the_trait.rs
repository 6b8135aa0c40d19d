use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

trait Repository {
    #[with_session]
    async fn run(&self, db: &mut Session<AppDb>) -> QueryResult<i32>;

    #[with_session(retry = 3, timeout = "5s")]
    async fn count(&self, db: &mut Session<AppDb>) -> QueryResult<i32> {
        self.run_in(db).await
    }
}

struct Users;

impl Repository for Users {
    async fn run_in(&self, db: &mut Session<AppDb>) -> QueryResult<i32> {
        let _ = db;
        Ok(1)
    }
}

fn main() {
    drop((Users.run(), Users.count()));
}
