// mistakes: 5
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size: 5,
        echo: true,
        pool_timeout: "30s",
        url: env("APP_URL"),
        max_overflow: build_env("OVERFLOW", default = 5),
    }
}

fn main() {}
