use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[allow(async_fn_in_trait)]
trait Users {
    #[with_session(savepoint)]
    async fn rename(&self, db: &mut Session<AppDb>) -> QueryResult<()>;
}

fn main() {}
