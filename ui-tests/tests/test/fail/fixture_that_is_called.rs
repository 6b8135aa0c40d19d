use session_factory::{Test, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

async fn users() {}

#[session_factory::test(AppDb, fresh, fixtures = [users()])]
async fn renames(_db: Test<AppDb>) {}

fn main() {}
