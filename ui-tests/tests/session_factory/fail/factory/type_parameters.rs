// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb<T>(Postgres);
    pub struct Second<'a>(Sqlite) {
        prefix = "SECOND_",
    }
}

fn main() {}
