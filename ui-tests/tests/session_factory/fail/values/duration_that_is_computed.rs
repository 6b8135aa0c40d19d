// mistakes: 5
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_recycle = Duration::from_secs(30 * 60),
        idle_timeout = 5 * 60,
        connect_timeout = 10.seconds(),
        pool_timeout = env("WAIT", default = Duration::from_secs(5)),
        slow_statement: "1ms".."1m" = Duration::from_secs_f64(0.5),
    }
}

fn main() {}
