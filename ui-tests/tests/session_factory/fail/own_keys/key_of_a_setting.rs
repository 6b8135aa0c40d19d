use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        batch: u32 = env("DB_POOL_SIZE", default = 1),
    }
}

fn main() {}
