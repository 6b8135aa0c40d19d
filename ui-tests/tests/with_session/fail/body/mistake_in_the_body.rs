use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn rename(db: &mut Session<AppDb>, id: i32) -> QueryResult<i64> {
    let _ = db;
    Ok(id)
}

fn main() {
    // The signature is known all the same.
    drop(rename(1));
}
