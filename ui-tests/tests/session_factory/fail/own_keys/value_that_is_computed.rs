// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        hosts = ["a", "b"],
        cache_ttl = Duration::from_secs(90),
    }
}

fn main() {}
