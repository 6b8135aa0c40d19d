use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

struct User;

#[with_session]
async fn find(db: &mut Session<AppDb>) -> User {
    let _ = db;
    User
}

fn main() {}
