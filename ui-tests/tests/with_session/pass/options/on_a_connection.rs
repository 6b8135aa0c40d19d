use diesel::result::QueryResult;
use diesel_async::AsyncPgConnection;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session(AppDb, retry = 5, timeout = "5s", isolation = "serializable")]
async fn rename(conn: &mut AsyncPgConnection, name: String) -> QueryResult<String> {
    let _ = conn;
    Ok(name)
}

#[with_session(AppDb, detach)]
async fn remove(conn: &mut AsyncPgConnection, name: String) -> QueryResult<String> {
    let _ = conn;
    Ok(name)
}

#[with_session(AppDb, savepoint)]
async fn add(_db: &mut Session<AppDb>, name: String) -> QueryResult<String> {
    Ok(name)
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned((rename(String::new()), remove(String::new()), add(String::new())));
}
