use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

use std::sync::Arc;

#[derive(Clone)]
struct Users {
    count: u32,
}

impl Users {
    #[with_session(retry = 5)]
    async fn shared(&self, _db: &mut Session<AppDb>) -> QueryResult<u32> {
        Ok(self.count)
    }

    #[with_session(retry = 5)]
    async fn exclusive(&mut self, _db: &mut Session<AppDb>, by: u32) -> QueryResult<()> {
        self.count += by;
        Ok(())
    }

    #[with_session(retry = 5)]
    async fn by_value(mut self, _db: &mut Session<AppDb>) -> QueryResult<Self> {
        self.count += 1;
        Ok(self)
    }

    #[with_session(retry = 5)]
    async fn counted(self: Arc<Self>, _db: &mut Session<AppDb>) -> QueryResult<u32> {
        Ok(self.count)
    }
}

fn spawned<T: Send>(_: T) {}

fn main() {
    let mut users = Users { count: 0 };
    spawned(users.shared());
    spawned(users.exclusive(1));
    spawned(users.clone().by_value());
    spawned(Arc::new(users).counted());
}
