use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

type AppResult<T, E = session_factory::SessionError> = Result<T, E>;
type Done = AppResult<()>;

#[with_session]
async fn one(_db: &mut Session<AppDb>) -> AppResult<i32> {
    Ok(1)
}

#[with_session]
async fn two(_db: &mut Session<AppDb>) -> Done {
    Ok(())
}

#[with_session]
async fn three(_db: &mut Session<AppDb>) -> QueryResult<()> {
    Ok(())
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned((one(), two(), three()));
}
