// mistakes: 1
use diesel_async::AsyncConnection;
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session]
async fn rename(
    db: &mut dyn AsyncConnection<Backend = diesel::pg::Pg>,
) -> Result<(), SessionError> {
    diesel::sql_query("DELETE FROM users");
    Ok(())
}

#[with_session]
async fn clear(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.rollback().await
}

fn main() {}
