use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

trait Job {
    fn run(&self, name: String, by: &mut u32, pair: (u8, u8)) -> impl Future<Output = QueryResult<String>> + Send;
    fn advance(&mut self) -> impl Future<Output = QueryResult<u32>> + Send;
}

struct Cleanup(u32);

impl Job for Cleanup {
    #[with_session(joined = false, retry = 5)]
    async fn run(
        &self,
        _db: &mut Session<AppDb>,
        mut name: String,
        by: &mut u32,
        (a, b): (u8, u8),
    ) -> QueryResult<String> {
        *by += self.0;
        name.push_str(&format!("{a}{b}"));
        Ok(name)
    }

    #[with_session(joined = false, retry = 5)]
    async fn advance(&mut self, _db: &mut Session<AppDb>) -> QueryResult<u32> {
        self.0 += 1;
        Ok(self.0)
    }
}

fn spawned<T: Send>(_: T) {}

fn main() {
    let mut by = 0;
    let mut job = Cleanup(1);
    spawned(job.run(String::new(), &mut by, (1, 2)));
    spawned(job.advance());
}
