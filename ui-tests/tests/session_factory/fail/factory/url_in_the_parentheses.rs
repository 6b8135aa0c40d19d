// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres, "postgres://localhost/app");
    pub struct CacheDb(Sqlite("app.db"));
}

fn main() {}
