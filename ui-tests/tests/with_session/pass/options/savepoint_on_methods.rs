use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

struct Users(String);

impl Users {
    #[with_session(savepoint)]
    async fn name(&self, _db: &mut Session<AppDb>) -> QueryResult<&str> {
        Ok(&self.0)
    }

    #[with_session(savepoint, joined = "rename_within")]
    async fn rename(&mut self, db: &mut Session<AppDb>, name: String) -> QueryResult<()> {
        self.0 = name;
        self.name_in(db).await.map(drop)
    }
}

fn spawned<T: Send>(_: T) {}

fn main() {
    let mut users = Users(String::new());
    spawned(users.name());
    spawned(users.rename(String::new()));
    let _ = Users::rename_within;
}
