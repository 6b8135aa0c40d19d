// mistakes: 2
use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

struct Users;

impl Users {
    #[with_session(detach)]
    async fn rename(&self, db: &mut Session<AppDb>) -> QueryResult<()> {
        let _ = db;
        Ok(())
    }

    #[with_session(detach)]
    async fn remove(self: &std::sync::Arc<Self>, db: &mut Session<AppDb>) -> QueryResult<()> {
        let _ = db;
        Ok(())
    }
}

fn main() {}
