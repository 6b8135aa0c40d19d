// mistakes: 6
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        echo = env(ECHO),
        pool_size = env(),
        max_overflow = env("OVERFLOW", 5),
        pool_timeout = env("TIME OUT"),
        idle_timeout = env(""),
        pool_recycle = env("A", default),
    }
}

fn main() {}
