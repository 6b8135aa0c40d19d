use async_trait::async_trait;
use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[async_trait]
trait Users: Send + Sync {
    #[with_session]
    async fn total(&self, db: &mut Session<AppDb>, id: i32) -> QueryResult<i32>;

    #[with_session]
    async fn twice(&self, db: &mut Session<AppDb>, name: &str) -> QueryResult<i32> {
        let _ = name;
        Ok(self.total_in(db, 1).await? + self.total_in(db, 2).await?)
    }

    #[with_session(savepoint)]
    async fn kept(&self, db: &mut Session<AppDb>) -> QueryResult<i32> {
        self.total_in(db, 1).await
    }
}

struct Table;

#[async_trait]
impl Users for Table {
    async fn total_in(&self, _db: &mut Session<AppDb>, id: i32) -> QueryResult<i32> {
        Ok(id)
    }
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned((Table.total(1), Table.twice("x"), Table.kept()));
}
