// mistakes: 5
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size = 2 * 5,
        max_overflow = u32::MAX,
        statement_cache = 100 as usize,
        echo = !true,
        pool_pre_ping = { true },
    }
}

fn main() {}
