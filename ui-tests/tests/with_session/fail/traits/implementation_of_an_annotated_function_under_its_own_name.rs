//! The trait's attribute has made two functions of `get`: `get`, which opens a session, and `get_in`, which takes one.
//! An implementation writes `get_in` alone: rename `get` to `get_in`.
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

trait Repository {
    #[with_session]
    async fn get(&self, db: &mut Session<AppDb>, id: i32) -> Result<i32, SessionError>;
}

struct Users;

impl Repository for Users {
    async fn get(&self, db: &mut Session<AppDb>, id: i32) -> Result<i32, SessionError> {
        let _ = db;
        Ok(id)
    }
}

fn main() {}
