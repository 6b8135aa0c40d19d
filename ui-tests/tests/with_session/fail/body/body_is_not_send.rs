use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn rename(db: &mut Session<AppDb>) -> QueryResult<()> {
    let shared = std::rc::Rc::new(1);
    nothing_in(db).await?;
    drop(shared);
    Ok(())
}

#[with_session]
async fn nothing(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned(rename());
}
