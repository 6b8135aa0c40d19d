use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        prefix = env("PREFIX"),
    }
}

fn main() {}
