// mistakes: 4
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_timeout: Duration::from_secs(30),
        idle_timeout: std::time::Duration::from_mins(5),
        statement_timeout: Some(Duration::from_millis(1500)),
        connect_timeout: 10s,
    }
}

fn main() {}
