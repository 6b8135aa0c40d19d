use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[allow(async_fn_in_trait)]
trait Users {
    #[with_session]
    async fn total(&self, db: &mut Session<AppDb>, id: i32) -> QueryResult<i32>;

    #[with_session(retry = 5)]
    async fn twice(&self, db: &mut Session<AppDb>) -> QueryResult<i32> {
        Ok(self.total_in(db, 1).await? + self.total_in(db, 2).await?)
    }
}

struct Table;

impl Users for Table {
    async fn total_in(&self, _db: &mut Session<AppDb>, id: i32) -> QueryResult<i32> {
        Ok(id)
    }
}

fn main() {
    drop(Table.total(1));
    drop(Table.twice());
}
