// mistakes: 3
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size = env("POOL", default: 5),
        echo = env("ECHO", default true),
        max_overflow = env("OVERFLOW", default(5)),
    }
}

fn main() {}
