// mistakes: 4
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        url => "postgres://me:hunter2@localhost/app",
        replica_url("postgres://me:hunter2@localhost/app"),
        "pool_timeout": Duration::from_secs(5),
        statement-timeout = Duration::from_secs(5),
    }
}

fn main() {}
