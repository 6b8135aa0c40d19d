// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size(5),
        pool_timeout("30s"),
    }
}

fn main() {}
