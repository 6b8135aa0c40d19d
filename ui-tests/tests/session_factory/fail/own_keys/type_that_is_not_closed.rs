use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        hosts: Vec<i32 = env("HOSTS"),
    }
}

fn main() {}
