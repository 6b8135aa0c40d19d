// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        self.pool_size = 5,
        config::max_overflow = 3,
    }
}

fn main() {}
