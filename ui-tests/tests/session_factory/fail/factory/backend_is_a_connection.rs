// mistakes: 3
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(AsyncPgConnection);
    pub struct Second(diesel::SqliteConnection);
    pub struct Third(PgConnection);
}

fn main() {}
