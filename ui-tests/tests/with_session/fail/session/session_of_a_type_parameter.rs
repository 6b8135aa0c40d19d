use diesel::result::QueryResult;
use session_factory::{with_session};

#[with_session]
async fn rename<S>(db: &mut S) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

fn main() {}
