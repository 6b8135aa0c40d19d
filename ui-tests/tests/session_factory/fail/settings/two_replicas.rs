// mistakes: 1
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        replicas = [env("DB_R1"), env("DB_R2")],
    }
}

fn main() {}
