// mistakes: 1
use diesel_async::RunQueryDsl;
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session]
async fn rename(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    let mut tx = db.begin().await?;
    diesel::sql_query("DELETE FROM users")
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}

fn main() {}
