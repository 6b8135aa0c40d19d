use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

use std::pin::Pin;

#[with_session]
async fn countdown(db: &mut Session<AppDb>, from: u32) -> QueryResult<u32> {
    if from == 0 {
        return Ok(0);
    }
    Box::pin(countdown_in(db, from - 1)).await
}

#[with_session]
async fn callbacks(
    db: &mut Session<AppDb>,
    each: impl Fn(i32) -> i32 + Send,
    boxed: Box<dyn Fn(&str) -> &str + Send>,
    pointer: fn(&str) -> &str,
) -> QueryResult<Box<dyn Fn(&str) -> &str + Send>> {
    let _ = (db, each(1), pointer("x"));
    Ok(boxed)
}

#[with_session]
async fn static_borrow(_db: &mut Session<AppDb>) -> QueryResult<&'static str> {
    Ok("x")
}

#[with_session]
async fn early_return<'a>(_db: &mut Session<AppDb>, names: &'a [String]) -> QueryResult<Option<&'a str>> {
    let Some(first) = names.first() else { return Ok(None) };
    for name in names {
        if name.len() > 3 {
            return Ok(Some(name));
        }
    }
    Ok(Some(first))
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

fn by_name<'a>(names: &'a [String]) -> Boxed<'a, QueryResult<Option<&'a str>>> {
    Box::pin(early_return(names))
}

fn main() {
    drop(countdown(3));
    drop(callbacks(|id| id, Box::new(|name| name), |name| name));
    drop(static_borrow());
    drop(by_name(&[]));
}
