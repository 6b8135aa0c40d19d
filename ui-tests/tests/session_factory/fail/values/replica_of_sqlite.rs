use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) {
        replica_url = env("REPLICA"),
    }
}

fn main() {}
