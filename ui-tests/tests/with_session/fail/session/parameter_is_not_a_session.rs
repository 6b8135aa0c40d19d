use diesel::result::QueryResult;
use session_factory::{session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

struct Pool;

#[with_session]
async fn rename(pool: &mut Pool) -> QueryResult<()> {
    let _ = pool;
    Ok(())
}

fn main() {}
