// mistakes: 3
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        DB_POOL_SIZE = 5,
        DATABASE_URL = "postgres://localhost/app",
        DB_ECHO = true,
    }
}

fn main() {}
