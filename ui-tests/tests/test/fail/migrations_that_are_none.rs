use session_factory::session_factory;

session_factory! { pub struct AppDb(Sqlite); }

const MIGRATIONS: &str = "migrations";

#[session_factory::test(AppDb, fresh, migrations = MIGRATIONS)]
async fn pays() {}

fn main() {}
