use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool {
            size = 5,
        }
    }
}

fn main() {}
