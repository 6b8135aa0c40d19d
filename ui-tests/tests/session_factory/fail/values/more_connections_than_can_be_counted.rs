use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size = 4_000_000_000,
        max_overflow = env("OVERFLOW", default = 4_000_000_000),
    }
}

fn main() {}
