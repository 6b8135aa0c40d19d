// mistakes: 2
use session_factory::config::SecretString;

use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        token: SecretString = "hunter2",
        salt: Option<SecretString> = env("SALT", default = "x"),
    }
}

fn main() {}
