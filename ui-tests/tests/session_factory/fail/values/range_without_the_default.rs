// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size: 10..=20,
        slow_acquire: "5s"..="10s",
    }
}

fn main() {}
