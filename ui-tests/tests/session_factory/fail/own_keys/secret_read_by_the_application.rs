// mistakes: 3
use session_factory::config::SecretString;

use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        token: SecretString = std::env::var("API_TOKEN").unwrap(),
        salt: SecretString = env("SALT").unwrap_or("pepper"),
        pepper: Option<SecretString> = build_env("PEPPER"),
    }
}

fn main() {}
