// mistakes: 4
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        poolsize = 5,
        ecko = true,
        pool_timout = "5s",
        Echo = true,
    }
}

fn main() {}
