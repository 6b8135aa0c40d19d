use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_recycle = env("RECYCLE", default = "10m"),
        idle_timeout = "10m",
    }
}

fn main() {}
