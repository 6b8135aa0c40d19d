// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        batch = env("BATCH", default = 500),
        colour = env("COLOUR"),
    }
}

fn main() {}
