// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        echo = env("APP_ECHO=true"),
        pool_size = env("${APP_POOL:-5}"),
    }
}

fn main() {}
