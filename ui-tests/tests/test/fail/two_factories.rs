use session_factory::{Test, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

session_factory! {
    pub struct ReportsDb(Sqlite) { prefix = "REPORTS_" }
}

#[session_factory::test(AppDb, ReportsDb, fresh)]
async fn renames(_db: Test<AppDb>) {}

fn main() {}
