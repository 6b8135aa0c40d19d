use diesel::result::QueryResult;
use std::pin::Pin;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn later(db: &mut Session<AppDb>) -> QueryResult<Pin<Box<dyn Future<Output = i32> + Send + '_>>> {
    let _ = db;
    todo!()
}

fn main() {}
