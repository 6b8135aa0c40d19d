//! The functions are right, and nothing is said about them.
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use session_factory::{Session, SessionError, session_factory, with_session};

diesel::table! { users (id) { id -> Integer, name -> Text, } }

session_factory! {
    pub struct AppDb(Oracle);
}

#[with_session]
async fn rename(db: &mut Session<AppDb>, id: i32, name: &str) -> Result<usize, SessionError> {
    Ok(diesel::update(users::table.find(id)).set(users::name.eq(name)).execute(db).await?)
}

#[with_session(retry = 5)]
async fn swap(db: &mut Session<AppDb>, a: i32, b: i32) -> Result<(), SessionError> {
    rename_in(db, a, "Bob").await?;
    rename_in(db, b, "Ada").await?;
    db.commit().await
}

async fn start() -> Result<usize, SessionError> {
    AppDb::init().await?;
    let config = AppDbConfig::from_env()?;
    let mut db = AppDb::create_session().await?;
    rename_in(&mut db, 7, "Ada").await?;
    let names: Vec<String> = users::table.select(users::name).load(&mut db).await?;
    swap(7, 8).await?;
    Ok(AppDb::KEYS.len() + names.len() + config.pool_size as usize)
}

fn main() {
    drop(start());
}
