use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session(retry = 3)]
async fn rename<T: Clone + Send>(
    db: &mut Session<AppDb>,
    value: T,
    values: Vec<T>,
    name: impl Into<String> + Clone + Send,
) -> QueryResult<(T, usize, String)> {
    let _ = db;
    Ok((value, values.len(), name.into()))
}

fn main() {
    drop(rename(1, vec![2], "x"));
}
