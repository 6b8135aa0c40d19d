// mistakes: 4
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

pub struct User {
    name: String,
}

fn send(name: &str) {
    println!("{name}");
}

#[with_session]
async fn clear(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.rollback().await
}

#[with_session]
async fn one(db: &mut Session<AppDb>, name: &str) -> Result<(), SessionError> {
    db.after_commit(async { send(name) });
    Ok(())
}

#[with_session]
async fn two(db: &mut Session<AppDb>, user: &User) -> Result<(), SessionError> {
    db.after_rollback(async move {
        send(&user.name);
        println!("{}", user.name);
    });
    Ok(())
}

#[with_session]
async fn three(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.after_commit(async {
        let _ = clear_in(db).await;
    });
    Ok(())
}

#[with_session]
async fn four(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.after_commit(async move { db.set_rollback_only() });
    db.rollback().await
}

fn main() {}
