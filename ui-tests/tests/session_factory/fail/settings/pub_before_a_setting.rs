// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pub echo = true,
        pub batch: u32 = env("BATCH"),
    }
}

fn main() {}
