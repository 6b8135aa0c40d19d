// mistakes: 3
use session_factory::session_factory;

session_factory! { fn app_db(Postgres); }

session_factory! { pub static DB: ReportsDb(Sqlite); }

session_factory! {
    pub mod db {
        pub struct AuditDb(Postgres);
    }
}

fn main() {}
