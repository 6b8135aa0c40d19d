// mistakes: 9
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        connection_limit = 10,
        pgbouncer = true,
        socket_timeout = 5,
        provider = "postgresql",
        max_open_conns = 10,
        max_idle_conns = 2,
        conn_max_lifetime = "1h",
        conn_max_idle_time = "5m",
        dsn = env("DSN"),
    }
}

fn main() {}
