// mistakes: 3
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_timeout = 30_000,
        connect_timeout = env("CONNECT", default = 5000),
        statement_timeout: "1s".."1h" = 60000,
    }
}

fn main() {}
