use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

async fn outer() -> QueryResult<i32> {
    #[with_session]
    async fn inner(_db: &mut Session<AppDb>, id: i32) -> QueryResult<i32> {
        Ok(id)
    }

    struct Local;

    impl Local {
        #[with_session]
        async fn count(_db: &mut Session<AppDb>) -> QueryResult<i32> {
            Ok(1)
        }
    }

    Ok(inner(1).await? + Local::count().await?)
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned(outer());
}
