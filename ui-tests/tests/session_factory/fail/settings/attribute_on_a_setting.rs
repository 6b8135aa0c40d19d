// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        #[serde(default)]
        echo = true,
        #[cfg(debug_assertions)]
        pool_size = 1,
    }
}

fn main() {}
