use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

struct Ticket;

#[with_session(retry = 5)]
async fn rename(db: &mut Session<AppDb>, id: i32, ticket: Ticket) -> QueryResult<i32> {
    let _ = (db, ticket);
    Ok(id)
}

fn main() {}
