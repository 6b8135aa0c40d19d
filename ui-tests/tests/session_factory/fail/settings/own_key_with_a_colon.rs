// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        batch: 500,
        colour: "blue",
    }
}

fn main() {}
