use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        name: String in 1..=5 = env("NAME"),
    }
}

fn main() {}
