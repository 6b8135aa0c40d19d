use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

trait Job: Send + 'static {}

impl Job for i32 {}

#[with_session(detach)]
async fn own<T: Send + 'static>(db: &mut Session<AppDb>, value: T) -> QueryResult<T> {
    let _ = db;
    Ok(value)
}

#[with_session(detach)]
async fn bounded<T>(db: &mut Session<AppDb>, value: T) -> QueryResult<T>
where
    T: Send,
    T: 'static,
{
    let _ = db;
    Ok(value)
}

#[with_session(detach)]
async fn by_its_trait<T: Job>(db: &mut Session<AppDb>, value: T, other: impl Job) -> QueryResult<T> {
    let _ = (db, other);
    Ok(value)
}

fn main() {
    drop((own(1), bounded(1), by_its_trait(1, 2)));
}
