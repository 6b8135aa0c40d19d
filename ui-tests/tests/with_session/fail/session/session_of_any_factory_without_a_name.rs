use diesel::result::QueryResult;
use session_factory::{Session, SessionFactory, with_session};

#[with_session]
async fn rename(db: &mut Session<impl SessionFactory>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

fn main() {}
