use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

struct Users;

impl Users {
    #[with_session]
    async fn rename(&self, db: &mut Session<AppDb>) -> QueryResult<()> {
        let _ = db;
        Ok(())
    }

    fn rename_in(&self, room: &str) -> usize {
        room.len()
    }
}

fn main() {}
