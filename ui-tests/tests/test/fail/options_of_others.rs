// mistakes: 2
use session_factory::{Test, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[session_factory::test(AppDb, fresh, ids = "as_they_are", flavor = "multi_thread")]
async fn renames(_db: Test<AppDb>) {}

fn main() {}
