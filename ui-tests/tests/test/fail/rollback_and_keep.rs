use session_factory::session_factory;

session_factory! { pub struct AppDb(Postgres); }

#[session_factory::test(AppDb, rollback, keep)]
async fn pays() {}

fn main() {}
