// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        echo = true,, pool_size = 5,
        , max_overflow = 3,
    }
}

fn main() {}
