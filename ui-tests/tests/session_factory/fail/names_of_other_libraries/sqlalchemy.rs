// mistakes: 9
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pre_ping = true,
        isolation_level = "SERIALIZABLE",
        connect_args = {},
        echo_pool = true,
        pool_reset_on_return = "rollback",
        pool_use_lifo = true,
        autoflush = false,
        expire_on_commit = false,
        poolclass = NullPool,
    }
}

fn main() {}
