// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        echo = env(),
        pool_size = build_env(),
    }
}

fn main() {}
