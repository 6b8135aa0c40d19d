use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[cfg(any())]
#[with_session]
async fn never(_db: &mut Session<AppDb>) -> QueryResult<i32> {
    no_such_function()
}

#[cfg_attr(all(), with_session)]
async fn conditionally(_db: &mut Session<AppDb>, id: i32) -> QueryResult<i32> {
    Ok(id)
}

#[cfg_attr(all(), with_session(timeout = "5s"), must_use)]
async fn with_options(
    _db: &mut Session<AppDb>,
    #[cfg(any())] missing: NoSuchType,
    #[cfg(all())] id: i32,
) -> QueryResult<i32> {
    Ok(id)
}

#[with_session(joined = false, retry = 5)]
async fn again(_db: &mut Session<AppDb>, #[cfg(any())] missing: NoSuchType, id: i32) -> QueryResult<i32> {
    Ok(id)
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned((conditionally(1), with_options(1), again(1)));
}
