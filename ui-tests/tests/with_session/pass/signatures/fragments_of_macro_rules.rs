use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

macro_rules! options {
    ($name:ident, $level:literal, $limit:literal, $max:literal, $decide:path, $out:ty, $body:block) => {
        #[with_session(isolation = $level, timeout = $limit, retry = $max, commit_on = $decide)]
        async fn $name(_db: &mut Session<AppDb>) -> $out $body
    };
}

fn keep(result: &QueryResult<i32>) -> bool {
    result.is_ok()
}

options!(rename, "serializable", "5s", 5, keep, QueryResult<i32>, { Ok(1) });

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned(rename());
}
