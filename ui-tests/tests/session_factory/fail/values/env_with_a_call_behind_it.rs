// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size = env("POOL").unwrap_or(5),
        echo = env("ECHO")?,
    }
}

fn main() {}
