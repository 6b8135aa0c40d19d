use session_factory::{Test, session_factory};

session_factory! { pub struct AppDb(Sqlite); }
session_factory! { pub struct ReportsDb(Sqlite) { prefix = "REPORTS_" } }

#[session_factory::test(AppDb, ReportsDb, fresh, fixtures = ["users.sql"])]
async fn reports(_app: Test<AppDb>, _reports: Test<ReportsDb>) {}

fn main() {}
