//! What `impl Iterator` hides borrows from the session. Collect the items, and return a `Vec`.
use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn names(db: &mut Session<AppDb>) -> QueryResult<impl Iterator<Item = bool>> {
    Ok(std::iter::from_fn(move || Some(db.in_transaction())))
}

fn main() {}
