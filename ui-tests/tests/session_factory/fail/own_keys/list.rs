use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        hosts: Vec<String> = env("HOSTS"),
    }
}

fn main() {}
