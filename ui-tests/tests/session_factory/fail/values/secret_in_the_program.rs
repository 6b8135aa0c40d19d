// mistakes: 3
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        url = "postgres://ada:hunter2@localhost/app",
        replica_url = env("REPLICA", default = "postgres://localhost/app"),
        token: session_factory::config::SecretString = "hunter2",
    }
}

fn main() {}
