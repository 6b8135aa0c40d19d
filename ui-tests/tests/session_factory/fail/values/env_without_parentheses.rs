// mistakes: 3
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        echo = env "ECHO",
        pool_size = env["POOL"],
        max_overflow = env,
    }
}

fn main() {}
