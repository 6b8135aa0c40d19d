// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pool_size = num_cpus(),
        echo = env!("ECHO"),
    }
}

fn main() {}
