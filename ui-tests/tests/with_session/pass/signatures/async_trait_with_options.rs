use async_trait::async_trait;
use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[async_trait]
trait Service: Send + Sync {
    async fn run(&self, names: Vec<String>) -> QueryResult<usize>;
}

struct Users;

#[async_trait]
impl Service for Users {
    #[with_session(joined = false, retry = 5, requires_new)]
    async fn run(&self, _db: &mut Session<AppDb>, names: Vec<String>) -> QueryResult<usize> {
        Ok(names.into_iter().map(|name| name.len()).sum())
    }
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned(Users.run(Vec::new()));
}
