use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

struct Users;

impl Users {
    #[with_session]
    async fn rename(db: &mut Session<AppDb>, &self) -> Result<(), SessionError> {
        db.rollback().await
    }
}

fn main() {}
