// mistakes: 3
use session_factory::{SessionError, session_factory};

async fn start() -> Result<(), SessionError> {
    let _db = session_factory! {
        pub struct AppDb(Postgres);
    };
    Ok(())
}

static DB: u32 = session_factory!(AppDb, Postgres);

fn main() {
    drop(session_factory::session_factory!(
        pub struct ReportsDb(Sqlite);
    ));
    drop(start());
    let _ = DB;
}
