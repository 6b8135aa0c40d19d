use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        url = "postgres://ada:hunter2@localhost/app",
    }
}

fn main() {}
