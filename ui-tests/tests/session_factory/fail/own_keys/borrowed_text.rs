// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        name: &'static str = env("NAME"),
        title: &str = env("TITLE"),
    }
}

fn main() {}
