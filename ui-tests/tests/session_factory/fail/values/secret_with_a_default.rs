use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        replica_url = env("REPLICA", default = "postgres://localhost/app"),
    }
}

fn main() {}
