// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        let pool_size = 5,
        const echo = true,
    }
}

fn main() {}
