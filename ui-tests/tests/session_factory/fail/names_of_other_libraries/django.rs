// mistakes: 8
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        ENGINE = "django.db.backends.postgresql",
        HOST = "localhost",
        PORT = 5432,
        USER = "ada",
        PASSWORD = "hunter2",
        CONN_MAX_AGE = 60,
        CONN_HEALTH_CHECKS = true,
        ATOMIC_REQUESTS = true,
    }
}

fn main() {}
