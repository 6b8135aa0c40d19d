// mistakes: 1
use async_trait::async_trait;
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[async_trait]
trait Repository {
    async fn rename(&self, id: i32, name: &str) -> Result<i32, SessionError>;
}

struct Users;

#[async_trait]
impl Repository for Users {
    #[with_session]
    async fn rename(
        &self,
        db: &mut Session<AppDb>,
        id: i32,
        name: &str,
    ) -> Result<i32, SessionError> {
        db.rollback().await?;
        Ok(id + i32::try_from(name.len()).unwrap_or_default())
    }
}

fn main() {}
