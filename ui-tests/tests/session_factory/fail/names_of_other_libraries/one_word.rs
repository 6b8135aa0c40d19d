// mistakes: 12
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        timeout = "5s",
        retry = 5,
        read_only = true,
        log = true,
        tls = true,
        schema = "app",
        replica = env("REPLICA_URL"),
        database_url = env("DATABASE_URL"),
        timezone = "UTC",
        slow_query = "1s",
        lock_timeout = "5s",
        metrics = true,
    }
}

fn main() {}
