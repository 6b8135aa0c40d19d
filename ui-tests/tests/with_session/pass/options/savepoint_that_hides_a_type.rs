use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session(savepoint)]
async fn names(_db: &mut Session<AppDb>, count: usize) -> QueryResult<impl Iterator<Item = String> + use<>> {
    Ok((0..count).map(|at| at.to_string()))
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned(names(1));
    let _ = names_in;
}
