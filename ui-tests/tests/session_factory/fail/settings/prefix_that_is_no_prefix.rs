use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        prefix = "MY APP",
    }
}

fn main() {}
