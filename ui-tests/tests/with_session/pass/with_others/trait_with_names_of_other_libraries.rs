//! The application's own trait on the session may have the method names of other libraries.
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

trait Repository {
    async fn begin(&mut self) -> u32;
    async fn query(&mut self, sql: &str, parameters: &[i32]) -> usize;
    async fn add(&mut self, number: i32, other: i32) -> i32;
}

impl Repository for Session<AppDb> {
    async fn begin(&mut self) -> u32 {
        self.attempt()
    }

    async fn query(&mut self, sql: &str, parameters: &[i32]) -> usize {
        sql.len() + parameters.len()
    }

    async fn add(&mut self, number: i32, other: i32) -> i32 {
        number + other
    }
}

#[with_session]
async fn work(db: &mut Session<AppDb>) -> Result<i32, SessionError> {
    assert_eq!(db.begin().await, 1);
    assert_eq!(db.query("SELECT", &[1]).await, 7);
    Ok(db.add(1, 2).await)
}

fn main() {
    drop(work());
}
