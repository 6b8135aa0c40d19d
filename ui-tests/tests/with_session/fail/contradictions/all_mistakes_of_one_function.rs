// mistakes: 7
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session(isolation = "snapshot", timeout = 5, retry = 0, immediate, read_only, savepoint, joined = false)]
async fn rename(id: i32, db: &Session<AppDb>) -> Option<i32> {
    let _ = db;
    Some(id)
}

async fn caller() {
    rename(1).await;
}

fn main() {}
