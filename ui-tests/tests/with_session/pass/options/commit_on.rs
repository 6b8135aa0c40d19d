use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

mod decide {
    pub fn always<T, E>(_: &Result<T, E>) -> bool {
        true
    }
}

struct Rules;

impl Rules {
    fn positive(result: &diesel::QueryResult<i32>) -> bool {
        matches!(result, Ok(1..))
    }
}

trait Rule {
    fn holds(result: &diesel::QueryResult<i32>) -> bool;
}

impl Rule for Rules {
    fn holds(result: &diesel::QueryResult<i32>) -> bool {
        result.is_ok()
    }
}

#[with_session(commit_on = decide::always)]
async fn one(_db: &mut Session<AppDb>) -> QueryResult<i32> {
    Ok(1)
}

#[with_session(commit_on = Rules::positive, retry = 2)]
async fn two(_db: &mut Session<AppDb>) -> QueryResult<i32> {
    Ok(1)
}

#[with_session(commit_on = <Rules as Rule>::holds, timeout = "1s")]
async fn three(_db: &mut Session<AppDb>) -> QueryResult<i32> {
    Ok(1)
}

#[with_session(commit_on = decide::always::<i32, diesel::result::Error>)]
async fn four(_db: &mut Session<AppDb>) -> QueryResult<i32> {
    Ok(1)
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned((one(), two(), three(), four()));
}
