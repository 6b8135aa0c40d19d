// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        echo: 0..=1,
        url: 1..2,
    }
}

fn main() {}
