// mistakes: 3
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pub url: String,
        pub pool_size: u32,
        pub(crate) pool_timeout: Duration,
    }
}

fn main() {}
