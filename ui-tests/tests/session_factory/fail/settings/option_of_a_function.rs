use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        retry = 3,
    }
}

fn main() {}
