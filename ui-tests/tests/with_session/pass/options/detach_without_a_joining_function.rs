use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session(detach, joined = false)]
async fn rename(_db: &mut Session<AppDb>, name: String) -> QueryResult<String> {
    Ok(name)
}

#[with_session(detach)]
async fn hidden(_db: &mut Session<AppDb>, name: String) -> QueryResult<impl Clone + Send + use<>> {
    Ok(name)
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned((rename(String::new()), hidden(String::new())));
}
