// mistakes: 3
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_timeout = Duration::from_secs(30),
        idle_timeout = std::time::Duration::from_millis(500),
        slow_statement = Some(Duration::from_secs(2)),
    }
}

fn main() {}
