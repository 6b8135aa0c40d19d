use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_timeout = "30s".into(),
    }
}

fn main() {}
