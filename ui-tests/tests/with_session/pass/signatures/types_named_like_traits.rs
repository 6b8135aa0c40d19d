//! Tables are called so as well.
use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

struct Stream(i32);
struct Iterator(i32);
struct Future(i32);

#[with_session]
async fn stream(db: &mut Session<AppDb>) -> QueryResult<Stream> {
    let _ = db;
    Ok(Stream(1))
}

#[with_session]
async fn all(db: &mut Session<AppDb>) -> QueryResult<Vec<(Stream, Iterator, Future)>> {
    let _ = db;
    Ok(vec![(Stream(1), Iterator(2), Future(3))])
}

fn main() {
    drop((stream(), all()));
}
