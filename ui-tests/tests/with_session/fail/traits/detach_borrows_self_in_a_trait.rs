use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

trait Repository {
    #[with_session(detach)]
    async fn run(&self, db: &mut Session<AppDb>) -> QueryResult<()>;
}

fn main() {}
