// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        name: String = env("DB_NAME", default = "x"),
        file: String = env("DATABASE_URL_FILE", default = "x"),
    }
    // These read no parts.
    pub struct Written(Postgres) {
        prefix = "W_",
        url = env("W_URL"),
        name: String = env("W_DB_NAME", default = "x"),
    }
    pub struct File(Sqlite) {
        prefix = "F_",
        name: String = env("F_DB_NAME", default = "x"),
    }
}

fn main() {}
