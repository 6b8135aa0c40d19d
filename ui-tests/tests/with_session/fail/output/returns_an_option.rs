use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn find(db: &mut Session<AppDb>) -> Option<i32> {
    let _ = db;
    None
}

fn main() {}
