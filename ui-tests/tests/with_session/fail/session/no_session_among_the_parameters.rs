use diesel::result::QueryResult;
use session_factory::{session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn rename(id: i32, name: &str) -> QueryResult<()> {
    let _ = (id, name);
    Ok(())
}

fn main() {}
