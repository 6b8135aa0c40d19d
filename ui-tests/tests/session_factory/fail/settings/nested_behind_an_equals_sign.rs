// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool = { size = 5, timeout = "30s" },
        pool { size: 5, recycle: Duration::from_secs(60) },
    }
}

fn main() {}
