// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres);
}

session_factory! {
    pub struct ReportsDb(AppDb);
}

mod archive {
    session_factory::session_factory! {
        pub struct ArchiveDb(crate::AppDb);
    }
}

fn main() {}
