// mistakes: 1
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        include!("settings.in"),
        pool_size = 5,
    }
}

fn main() {}
