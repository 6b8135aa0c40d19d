use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        level: LogLevel = env("LEVEL"),
    }
}

fn main() {}
