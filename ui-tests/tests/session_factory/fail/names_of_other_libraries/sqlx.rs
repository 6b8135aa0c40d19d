// mistakes: 10
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        max_connections = 10,
        min_connections = 2,
        acquire_timeout = Duration::from_secs(3),
        max_lifetime = Duration::from_secs(1800),
        statement_cache_capacity = 100,
        log_statements = true,
        log_slow_statements = "1s",
        test_before_acquire = true,
        after_connect = hook,
        application_name = "app",
    }
}

fn main() {}
