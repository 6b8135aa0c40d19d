use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn copy(from: &mut Session<AppDb>, to: &mut Session<AppDb>) -> QueryResult<()> {
    let _ = (from, to);
    Ok(())
}

fn main() {}
