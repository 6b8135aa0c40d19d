use session_factory::driver::isolation::ReadCommitted;
use session_factory::{SessionError, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

async fn rename() -> Result<(), SessionError> {
    AppDb::session().isolation(ReadCommitted).run(async |_db| Ok(())).await
}

fn main() {}
