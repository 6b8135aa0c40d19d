use session_factory::{Test, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[session_factory::test(AppDb, fresh, workers = 2)]
async fn renames(_db: Test<AppDb>) {}

fn main() {}
