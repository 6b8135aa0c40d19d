// mistakes: 3
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size <= 5,
        max_overflow += 3,
        echo == true,
    }
}

fn main() {}
