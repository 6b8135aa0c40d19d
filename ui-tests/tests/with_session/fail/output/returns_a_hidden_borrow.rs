use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

use std::borrow::Cow;

#[with_session]
async fn name(db: &mut Session<AppDb>, id: i32) -> QueryResult<Cow<'_, str>> {
    let _ = (db, id);
    Ok(Cow::Borrowed(""))
}

fn main() {}
