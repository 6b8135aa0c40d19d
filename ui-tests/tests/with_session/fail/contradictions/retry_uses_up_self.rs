use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

trait Job {
    async fn run(self) -> QueryResult<()>;
}

#[derive(Clone)]
struct Cleanup;

impl Job for Cleanup {
    #[with_session(joined = false, retry = 5)]
    async fn run(self, db: &mut Session<AppDb>) -> QueryResult<()> {
        let _ = db;
        Ok(())
    }
}

fn main() {}
