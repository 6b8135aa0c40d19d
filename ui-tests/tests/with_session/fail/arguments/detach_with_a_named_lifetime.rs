use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

struct Names<'a>(&'a [String]);

#[with_session(detach)]
async fn rename<'a>(db: &mut Session<AppDb>, names: Names<'a>, known: &'static str) -> QueryResult<()> {
    let _ = (db, names, known);
    Ok(())
}

fn main() {}
