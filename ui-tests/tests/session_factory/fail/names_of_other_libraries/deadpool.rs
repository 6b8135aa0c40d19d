// mistakes: 6
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        max_size = 10,
        wait_timeout = 5,
        create_timeout = 5,
        recycling_method = "fast",
        queue_mode = "fifo",
        runtime = "tokio1",
    }
}

fn main() {}
