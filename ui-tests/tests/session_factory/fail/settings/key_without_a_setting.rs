// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        env("DATABASE_URL"),
        env("BATCH_SIZE"),
    }
}

fn main() {}
