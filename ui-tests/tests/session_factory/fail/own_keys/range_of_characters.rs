use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        separator: char in 'a'..='z' = env("SEPARATOR"),
    }
}

fn main() {}
