// mistakes: 1
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session]
async fn rename(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    #[with_session]
    async fn clear(db: &mut Session<AppDb>) -> Result<(), SessionError> {
        db.rollback().await
    }
    clear(db).await
}

fn main() {
    drop(rename());
}
