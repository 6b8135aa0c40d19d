use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

trait Service {
    async fn run(&self, id: i32) -> Result<i32, SessionError>;
}

struct Users;

impl Service for Users {
    #[with_session]
    async fn run_in(&self, db: &mut Session<AppDb>, id: i32) -> Result<i32, SessionError> {
        db.rollback().await?;
        Ok(id)
    }
}

fn main() {}
