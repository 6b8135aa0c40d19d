// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(backend = Postgres);
    pub struct Second(db: Sqlite);
}

fn main() {}
