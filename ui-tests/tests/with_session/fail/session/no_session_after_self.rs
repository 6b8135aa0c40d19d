use diesel::result::QueryResult;
use session_factory::{session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

struct Users;

impl Users {
    #[with_session]
    async fn rename(&self) -> QueryResult<()> {
        Ok(())
    }
}

fn main() {}
