use async_trait::async_trait;
use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[async_trait]
trait Service: Send + Sync {
    async fn run(&self, id: i32, name: &str) -> QueryResult<String>;
    async fn change(&mut self, by: u32) -> QueryResult<u32>;
}

struct Users {
    count: u32,
}

#[async_trait]
impl Service for Users {
    #[with_session(joined = false, timeout = "5s")]
    async fn run(&self, _db: &mut Session<AppDb>, id: i32, name: &str) -> QueryResult<String> {
        let kept = name.to_owned();
        if id > 1 {
            return Ok(kept);
        }
        Err(diesel::result::Error::NotFound)?;
        Ok(format!("{kept} {}", self.count))
    }

    #[with_session(joined = false)]
    async fn change(&mut self, db: &mut Session<AppDb>, mut by: u32) -> QueryResult<u32> {
        let _ = db;
        by += 1;
        self.count += by;
        Ok(self.count)
    }
}

fn spawned<T: Send>(_: T) {}

fn main() {
    let mut users = Users { count: 1 };
    spawned(users.run(1, "x"));
    spawned(users.change(1));
    let service: Box<dyn Service> = Box::new(users);
    spawned(service.run(1, "x"));
}
