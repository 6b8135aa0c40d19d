use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

struct Repository<T>(T);

impl<T: Clone + Send + Sync + std::fmt::Display> Repository<T> {
    #[with_session]
    async fn show(&self, _db: &mut Session<AppDb>) -> QueryResult<String> {
        Ok(self.0.to_string())
    }

    #[with_session(savepoint)]
    async fn first(_db: &mut Session<AppDb>, all: Vec<T>) -> QueryResult<Option<T>> {
        Ok(all.into_iter().next())
    }
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned((Repository(1).show(), Repository::first(vec![1])));
}
