use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        batch = env("BATCH", default = 500),
    }
}

fn main() {}
