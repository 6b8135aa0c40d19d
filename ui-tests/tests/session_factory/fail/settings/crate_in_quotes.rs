use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        crate = "session_factory",
    }
}

fn main() {}
