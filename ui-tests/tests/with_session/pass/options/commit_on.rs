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

// Whatever a call with `&result` is good for: a trait object, and a function that is a value.
fn of_any(result: &dyn std::fmt::Debug) -> bool {
    format!("{result:?}").starts_with("Ok")
}

static AT_HAND: fn(&QueryResult<i32>) -> bool = QueryResult::is_ok;
static BORROWED: &(dyn Fn(&QueryResult<i32>) -> bool + Sync) = &|result| result.is_ok();

#[with_session(commit_on = of_any)]
async fn five(_db: &mut Session<AppDb>) -> QueryResult<i32> {
    Ok(1)
}

#[with_session(commit_on = AT_HAND)]
async fn six(_db: &mut Session<AppDb>) -> QueryResult<i32> {
    Ok(1)
}

#[with_session(commit_on = BORROWED)]
async fn seven(_db: &mut Session<AppDb>) -> QueryResult<i32> {
    Ok(1)
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned((one(), two(), three(), four(), five(), six(), seven()));
}
