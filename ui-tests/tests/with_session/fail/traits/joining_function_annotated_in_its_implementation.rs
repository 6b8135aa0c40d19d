// mistakes: 2
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

trait Repository {
    #[with_session]
    async fn get(&self, db: &mut Session<AppDb>, id: i32) -> Result<i32, SessionError>;

    #[with_session(joined = "load")]
    async fn find(&self, db: &mut Session<AppDb>, id: i32) -> Result<i32, SessionError>;
}

struct Users;

impl Repository for Users {
    #[with_session]
    async fn get_in(&self, db: &mut Session<AppDb>, id: i32) -> Result<i32, SessionError> {
        let _ = db;
        Ok(id)
    }

    #[with_session(joined = false)]
    async fn load(&self, db: &mut Session<AppDb>, id: i32) -> Result<i32, SessionError> {
        let _ = db;
        Ok(id)
    }
}

fn main() {}
