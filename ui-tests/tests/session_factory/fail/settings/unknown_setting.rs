// mistakes: 3
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        poolsize = 5,
        ecko = true,
        colour = "blue",
    }
}

fn main() {}
