// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        type: String = env("TYPE"),
        self: u32 = 5,
    }
}

fn main() {}
