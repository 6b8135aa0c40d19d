use diesel::result::QueryResult;
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite);
}

use std::time::Duration;

use session_factory::driver::isolation::Serializable;

async fn run(name: String) -> QueryResult<usize> {
    AppDb::session()
        .isolation(Serializable)
        .timeout(Duration::from_secs(5))
        .requires_new()
        .run(async move |_db| Ok(name.len()))
        .await
}

async fn again(name: &str) -> QueryResult<usize> {
    AppDb::session()
        .immediate()
        .retry(5)
        .commit_on(|result: &QueryResult<usize>| result.is_ok())
        .run(async |_db| Ok(name.len()))
        .await
}

fn main() {
    drop(run(String::new()));
    drop(again("x"));
}
