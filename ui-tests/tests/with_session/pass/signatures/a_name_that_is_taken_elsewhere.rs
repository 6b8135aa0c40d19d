//! A function of that name stands elsewhere, or under a condition that does not hold.
use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

mod rooms {
    pub fn rename_in(room: &str) -> usize {
        room.len()
    }
}

struct Users;

impl Users {
    fn rename_in(&self) -> usize {
        rooms::rename_in("x")
    }
}

#[with_session]
async fn rename(db: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = db;
    Ok(())
}

#[cfg(any())]
async fn rename_in() {}

fn main() {
    drop(rename());
    assert_eq!(Users.rename_in(), 1);
}
