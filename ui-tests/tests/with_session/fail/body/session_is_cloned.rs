use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session]
async fn rename(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    let other = db.clone();
    drop(other);
    Ok(())
}

fn main() {}
