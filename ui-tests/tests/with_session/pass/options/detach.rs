use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

use std::sync::Arc;

#[with_session(detach)]
async fn rename(_db: &mut Session<AppDb>, mut name: String, known: &'static str) -> QueryResult<String> {
    name.push_str(known);
    Ok(name)
}

#[with_session(detach, retry = 3, timeout = "5s")]
async fn any<T: Clone + Send + Sync + 'static>(_db: &mut Session<AppDb>, value: T) -> QueryResult<T> {
    Ok(value)
}

struct Users;

impl Users {
    #[with_session(detach)]
    async fn by_value(self, _db: &mut Session<AppDb>) -> QueryResult<()> {
        Ok(())
    }

    #[with_session(detach)]
    async fn counted(self: Arc<Self>, _db: &mut Session<AppDb>) -> QueryResult<()> {
        Ok(())
    }
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned((rename(String::new(), "x"), any(1), Users.by_value(), Arc::new(Users).counted()));
}
