use session_factory::session_factory;

session_factory! { pub struct AppDb(Sqlite); }

#[session_factory::test(AppDb, fresh, migrations = "migrations")]
async fn pays() {}

fn main() {}
