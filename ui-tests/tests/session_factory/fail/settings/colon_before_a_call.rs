use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_timeout: Duration::from_secs(30),
    }
}

fn main() {}
