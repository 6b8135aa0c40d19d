use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        batch: u32? = env("BATCH"),
    }
}

fn main() {}
