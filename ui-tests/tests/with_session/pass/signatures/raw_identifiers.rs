use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn r#match(_db: &mut Session<AppDb>, r#type: i32) -> QueryResult<i32> {
    Ok(r#type)
}

#[with_session(retry = 5)]
async fn r#move(db: &mut Session<AppDb>, r#in: String) -> QueryResult<String> {
    match_in(db, 1).await?;
    Ok(r#in)
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned((r#match(1), r#move(String::new())));
    let _ = move_in;
}
