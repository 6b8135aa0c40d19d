use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

struct Row<'a>(&'a str);

#[with_session]
async fn first(db: &mut Session<AppDb>) -> QueryResult<Row<'_>> {
    let _ = db;
    Ok(Row(""))
}

fn main() {}
