// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        echo = "${DB_ECHO}",
        pool_size = "$POOL",
    }
}

fn main() {}
