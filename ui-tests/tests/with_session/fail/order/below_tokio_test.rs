use session_factory::{session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[tokio::test]
#[with_session]
async fn adds(db: &mut session_factory::Session<AppDb>) -> diesel::QueryResult<()> {
    let _ = db;
    Ok(())
}

fn main() {}
