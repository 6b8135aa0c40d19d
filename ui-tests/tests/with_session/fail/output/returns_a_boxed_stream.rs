use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

trait Stream {
    type Item;
}

#[with_session]
async fn names(db: &mut Session<AppDb>) -> QueryResult<Box<dyn Stream<Item = i32> + Send + '_>> {
    let _ = db;
    todo!()
}

fn main() {}
