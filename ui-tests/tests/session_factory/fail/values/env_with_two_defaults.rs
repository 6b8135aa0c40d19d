use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size = env("POOL", default = 5, default = 6),
    }
}

fn main() {}
