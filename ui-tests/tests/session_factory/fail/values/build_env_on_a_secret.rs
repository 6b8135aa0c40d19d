// mistakes: 3
use session_factory::config::SecretString;
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        url = build_env("DATABASE_URL"),
        replica_url = build_env("DATABASE_REPLICA_URL"),
        token: Option<SecretString> = build_env("TOKEN"),
    }
}

fn main() {}
