use session_factory::{Session, SessionError, SessionFactory, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session]
async fn rename(db: &mut Session<dyn SessionFactory>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

fn main() {}
