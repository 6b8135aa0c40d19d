mod facade {
    pub use session_factory as sessions;
}

mod db {
    use super::facade::sessions;

    sessions::session_factory! {
        pub struct AppDb(Sqlite) {
            crate = crate::facade::sessions,
            batch: u32 = env("BATCH", default = 1),
            name: String = "x",
        }
    }
}

use facade::sessions::{Session, SessionError, with_session};

#[with_session(crate = crate::facade::sessions)]
async fn run(db: &mut Session<db::AppDb>) -> Result<(), SessionError> {
    let _ = db;
    Ok(())
}

#[with_session(db::AppDb, crate = facade::sessions, joined = "again_within")]
async fn again(db: &mut Session<db::AppDb>) -> Result<(), SessionError> {
    run_in(db).await
}

fn main() {
    drop(run());
    drop(again());
    let _ = again_within;
}
