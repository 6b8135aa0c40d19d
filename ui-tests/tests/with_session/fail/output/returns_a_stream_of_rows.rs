use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn names(db: &mut Session<AppDb>) -> QueryResult<impl Stream<Item = QueryResult<String>>> {
    let _ = db;
    Ok(tokio_stream())
}

trait Stream {
    type Item;
}

fn tokio_stream() -> impl Stream<Item = QueryResult<String>> {
    struct Empty;
    impl Stream for Empty {
        type Item = QueryResult<String>;
    }
    Empty
}

fn main() {}
