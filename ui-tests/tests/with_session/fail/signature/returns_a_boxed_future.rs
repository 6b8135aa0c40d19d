use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
fn rename(db: &mut Session<AppDb>) -> std::pin::Pin<Box<dyn Future<Output = QueryResult<()>> + Send + '_>> {
    let _ = db;
    Box::pin(async { Ok(()) })
}

fn main() {}
