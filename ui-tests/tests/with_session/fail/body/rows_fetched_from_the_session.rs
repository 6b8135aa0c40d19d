// mistakes: 3
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session]
async fn ids(db: &mut Session<AppDb>) -> Result<Vec<i32>, SessionError> {
    let mut ids = Vec::new();
    for row in db.query("SELECT id FROM users").await? {
        ids.push(row.get(0));
    }
    Ok(ids)
}

#[with_session]
async fn first(db: &mut Session<AppDb>) -> Result<i32, SessionError> {
    let row = db.fetch_one("SELECT id FROM users").await?;
    Ok(row.get("id"))
}

#[with_session]
async fn count(db: &mut Session<AppDb>) -> Result<i64, SessionError> {
    Ok(db.scalar("SELECT count(*) FROM users").await?)
}

fn main() {}
