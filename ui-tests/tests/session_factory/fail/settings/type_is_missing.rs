use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        batch: = 5,
    }
}

fn main() {}
