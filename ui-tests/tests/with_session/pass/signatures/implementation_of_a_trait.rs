use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

trait Service {
    fn run(&self, id: i32) -> impl Future<Output = QueryResult<i32>> + Send;
}

struct Users;

impl Service for Users {
    #[with_session(joined = false, timeout = "5s")]
    async fn run(&self, _db: &mut Session<AppDb>, id: i32) -> QueryResult<i32> {
        Ok(id)
    }
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned(Users.run(1));
}
