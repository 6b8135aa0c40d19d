use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session(joined = "rename_within")]
async fn rename(_db: &mut Session<AppDb>) -> QueryResult<()> {
    Ok(())
}

#[with_session(joined = "r#type")]
async fn kind(_db: &mut Session<AppDb>) -> QueryResult<()> {
    Ok(())
}

#[with_session(joined = false)]
async fn alone(db: &mut Session<AppDb>) -> QueryResult<()> {
    rename_within(db).await?;
    r#type(db).await
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned((rename(), kind(), alone()));
}
