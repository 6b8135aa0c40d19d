use session_factory::{Test, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[session_factory::test(AppDb, fresh)]
async fn renames<T>(_db: Test<AppDb>) {}

fn main() {}
