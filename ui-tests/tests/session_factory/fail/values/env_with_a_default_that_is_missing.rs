// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size = env("POOL", default),
        echo = env("ECHO", default = ),
    }
}

fn main() {}
