// mistakes: 3
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

fn send(name: &str) -> Result<usize, std::io::Error> {
    Ok(name.len())
}

#[with_session]
async fn one(db: &mut Session<AppDb>, name: String) -> Result<(), SessionError> {
    db.after_commit(move || {
        let _ = send(&name);
    });
    Ok(())
}

#[with_session]
async fn two(db: &mut Session<AppDb>, name: String) -> Result<(), SessionError> {
    db.after_rollback(async move || {
        let _ = send(&name);
    });
    Ok(())
}

#[with_session]
async fn three(db: &mut Session<AppDb>, name: String) -> Result<(), SessionError> {
    db.after_commit(async move {
        send(&name)?;
        Ok(())
    });
    Ok(())
}

fn main() {}
