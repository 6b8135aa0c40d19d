// mistakes: 4
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size = env("POOL", min = 1),
        url = env("APP_URL", required),
        replica_url = env("REPLICA", optional),
        echo = env("ECHO", default = true, secret),
    }
}

fn main() {}
