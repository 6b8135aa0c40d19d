// mistakes: 4
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        echo = env("DB ECHO"),
        pool_size = env("db.pool-size"),
        max_overflow = env("$OVERFLOW"),
        pool_timeout = env(""),
    }
}

fn main() {}
