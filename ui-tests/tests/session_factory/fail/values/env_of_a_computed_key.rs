// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        echo = env(concat!("DB_", "ECHO")),
        pool_size = env(5),
    }
}

fn main() {}
