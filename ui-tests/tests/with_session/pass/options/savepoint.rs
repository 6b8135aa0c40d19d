use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session(savepoint)]
async fn rename(mut db: &mut Session<AppDb>, mut id: i32, (a, b): (i32, i32)) -> QueryResult<i32> {
    id += a;
    if b > 1 {
        return Ok(id);
    }
    let _ = &mut db;
    let next: i32 = Err(diesel::result::Error::NotFound)?;
    Ok(next)
}

#[with_session(savepoint)]
async fn twice<'a>(db: &mut Session<AppDb>, name: &'a str) -> QueryResult<&'a str> {
    if rename_in(db, 1, (1, 2)).await.is_err() {
        rename_in(db, 2, (1, 2)).await?;
    }
    Ok(name)
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned((rename(1, (1, 1)), twice("x")));
    let _ = rename_in;
}
