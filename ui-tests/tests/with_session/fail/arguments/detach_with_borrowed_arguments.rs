// mistakes: 5
use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session(detach)]
async fn rename(
    db: &mut Session<AppDb>,
    name: &str,
    tags: &[String],
    counter: &mut u32,
    file: &std::path::Path,
    note: Option<&str>,
) -> QueryResult<()> {
    let _ = (db, name, tags, counter, file, note);
    Ok(())
}

fn main() {}
