use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        echo = true,
        pool_size = 5,
        echo = false,
    }
}

fn main() {}
