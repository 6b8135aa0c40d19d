use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        replica_url = None,
    }
}

fn main() {}
