use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn taken(_db: &mut Session<AppDb>, name: impl Into<String> + Send, each: &(impl AsRef<str> + Sync)) -> QueryResult<String> {
    Ok(name.into() + each.as_ref())
}

#[with_session]
async fn given(_db: &mut Session<AppDb>, count: usize) -> QueryResult<impl Iterator<Item = usize> + Send + use<>> {
    Ok(0..count)
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned((taken("a", &"b"), given(1)));
}
