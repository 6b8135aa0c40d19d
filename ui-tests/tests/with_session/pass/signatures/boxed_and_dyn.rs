use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

type Shown = Box<dyn std::fmt::Display + Send + Sync>;

#[with_session]
async fn shown(_db: &mut Session<AppDb>, text: Box<dyn std::fmt::Display + Send>) -> QueryResult<Shown> {
    Ok(Box::new(text.to_string()))
}

#[with_session]
async fn each(_db: &mut Session<AppDb>, call: &(dyn Fn(u8) -> u8 + Sync)) -> QueryResult<u8> {
    Ok(call(1))
}

#[with_session]
async fn pointer(_db: &mut Session<AppDb>, call: fn(&str) -> usize) -> QueryResult<usize> {
    Ok(call("x"))
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned((shown(Box::new(1)), each(&|number| number), pointer(str::len)));
}
