// mistakes: 4
use session_factory::{Test, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[session_factory::test(AppDb, fresh, runtime = "threads", stray = "ignore", within = "soon", workers = 0)]
async fn renames(_db: Test<AppDb>) {}

fn main() {}
