//! A name of another library's setting with a type and a value is meant as that setting: a key of one's own names its key.
// mistakes: 10
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        max_connections: u32 = 10,
        min_idle: u32 = 5,
        acquire_timeout: String = "30s",
        max_lifetime: u64 = 1800000,
        test_before_acquire: bool = true,
        log_statements: bool = true,
        database_url: String,
        host: String = "localhost",
        sslmode: String = "require",
        isolation_level: String = "serializable",
    }
}

fn main() {}
