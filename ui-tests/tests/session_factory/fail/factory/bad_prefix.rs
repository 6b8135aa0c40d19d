// mistakes: 3
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        prefix = 5,
    }
}

session_factory! {
    pub struct Other(Postgres) {
        prefix = "MY APP",
    }
}

session_factory! {
    pub struct Third(Postgres) {
        prefix = env("PREFIX"),
    }
}

fn main() {}
