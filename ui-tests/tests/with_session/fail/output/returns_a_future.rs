use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
fn rename(db: &mut Session<AppDb>) -> impl Future<Output = QueryResult<()>> {
    let _ = db;
    async { Ok(()) }
}

fn main() {}
