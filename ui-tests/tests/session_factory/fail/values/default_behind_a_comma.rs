use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        batch: u32 = env("BATCH"), default = 5,
    }
}

fn main() {}
