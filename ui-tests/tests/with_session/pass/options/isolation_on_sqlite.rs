use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session(isolation = "serializable")]
async fn run(_db: &mut Session<AppDb>) -> QueryResult<()> {
    Ok(())
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned(run());
}
