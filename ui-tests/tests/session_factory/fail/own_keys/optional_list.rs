use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        hosts: Option<Vec<String>> = env("HOSTS"),
    }
}

fn main() {}
