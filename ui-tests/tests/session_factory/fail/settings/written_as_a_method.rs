use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        .pool_size(5)
    }
}

fn main() {}
