use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session(retry = 5)]
async fn run(
    db: &mut Session<AppDb>,
    contract: String,
    unit: i32,
    __session_factory_unit: i32,
    result: Vec<u8>,
) -> QueryResult<i32> {
    let __session_factory_result = result.len();
    let _ = (db, contract, __session_factory_result);
    Ok(unit + __session_factory_unit)
}

#[with_session(joined = false)]
async fn session(_db: &mut Session<AppDb>, __session_factory_session: i32) -> QueryResult<i32> {
    Ok(__session_factory_session)
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned((run(String::new(), 1, 2, Vec::new()), session(1)));
}
