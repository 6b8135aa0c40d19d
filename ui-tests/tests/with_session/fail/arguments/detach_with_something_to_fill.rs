use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session(detach)]
async fn export(db: &mut Session<AppDb>, out: &mut Vec<String>) -> Result<(), SessionError> {
    let _ = db;
    out.push(String::new());
    Ok(())
}

fn main() {}
