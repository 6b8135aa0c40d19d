//! With diesel-async's `RunQueryDsl` in scope and without it.
// mistakes: 2
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session]
async fn remove(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.execute("DELETE FROM users").await?;
    Ok(())
}

mod beside_diesel {
    use diesel_async::RunQueryDsl;
    use session_factory::{Session, SessionError, with_session};

    use super::AppDb;

    #[with_session]
    async fn remove(db: &mut Session<AppDb>) -> Result<(), SessionError> {
        diesel::sql_query("DELETE FROM names").execute(db).await?;
        db.execute("DELETE FROM users").await?;
        Ok(())
    }
}

fn main() {}
