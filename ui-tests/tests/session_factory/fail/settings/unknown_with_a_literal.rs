// mistakes: 6
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        colour = "blue",
        ratio = 0.5,
        strict = true,
        offset = -3,
        wait = std::time::Duration::from_secs(3),
        rows = 10,
    }
}

fn main() {}
