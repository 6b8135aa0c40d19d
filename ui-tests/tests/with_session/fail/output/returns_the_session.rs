use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn open(db: &mut Session<AppDb>) -> QueryResult<&mut Session<AppDb>> {
    Ok(db)
}

fn main() {}
