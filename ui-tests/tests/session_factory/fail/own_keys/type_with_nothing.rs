// mistakes: 2
use session_factory::session_factory;

pub struct Level;

session_factory! {
    pub struct AppDb(Postgres) {
        level: Level = env("LEVEL"),
    }
}

fn main() {}
