// mistakes: 4
use session_factory::session_factory;

session_factory! {
    pub struct AppDb Sqlite;
    pub struct ReportsDb for Sqlite;
    pub struct AuditDb => Sqlite;
    pub struct CacheDb::<Sqlite>;
}

fn main() {}
