// mistakes: 4
use session_factory::session_factory;

session_factory! {
    pub enum AppDb(Sqlite);
    pub type ReportsDb = Sqlite;
    AuditDb(Sqlite);
    CacheDb => Sqlite
}

fn main() {}
