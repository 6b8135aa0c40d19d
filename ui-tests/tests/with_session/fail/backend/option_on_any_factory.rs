use diesel::result::QueryResult;
use session_factory::{Session, SessionFactory, with_session};

#[with_session(isolation = "read_committed")]
async fn rename<F: SessionFactory>(db: &mut Session<F>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

fn main() {}
