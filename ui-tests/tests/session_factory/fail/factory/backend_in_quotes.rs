// mistakes: 3
use session_factory::session_factory;

session_factory! {
    pub struct AppDb("postgres");
    pub struct Second("sqlite3");
    pub struct Third("postgres://localhost/app");
}

fn main() {}
