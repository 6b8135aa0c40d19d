use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        echo = true, /// For a while.
    }
}

fn main() {}
