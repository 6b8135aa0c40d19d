use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_recycle = "10m",
        idle_timeout = "1h",
    }
}

fn main() {}
