// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size = build_env("SESSION_FACTORY_NOBODY_SETS_THIS"),
        batch: u32 = build_env("SESSION_FACTORY_NOR_THIS"),
        statement_timeout = build_env("SESSION_FACTORY_AND_THIS_IS_OPTIONAL"),
        limit: Option<u32> = build_env("SESSION_FACTORY_AND_SO_IS_THIS"),
    }
}

fn main() {}
