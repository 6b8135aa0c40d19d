use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn rename<E>(db: &mut Session<AppDb>) -> Result<(), E> {
    let _ = db;
    Ok(())
}

fn main() {}
