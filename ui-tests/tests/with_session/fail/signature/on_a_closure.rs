// mistakes: 3
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

fn main() {
    let rename = #[with_session] async |db: &mut Session<AppDb>| -> Result<(), SessionError> { Ok(()) };
}
