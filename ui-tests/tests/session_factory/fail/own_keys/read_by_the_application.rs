use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        name = std::env::var("NAME").unwrap(),
    }
}

fn main() {}
