// mistakes: 4
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size = env("POOL") or 7,
        max_overflow = env("OVERFLOW") || 3,
        echo = env("ECHO").unwrap_or_else(|| true),
        url = env("APP_URL").unwrap_or("postgres://localhost/app"),
    }
}

fn main() {}
