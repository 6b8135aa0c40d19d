use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size in 1..=20 = 5,
    }
}

fn main() {}
