use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        url = build_env("DATABASE_URL"),
    }
}

fn main() {}
