use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        /// How many.
        pool_size: u64 = env("POOL"),
    }
}

fn main() {}
