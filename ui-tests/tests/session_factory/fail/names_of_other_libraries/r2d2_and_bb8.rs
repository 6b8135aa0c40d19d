// mistakes: 7
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        max_size = 10,
        min_idle = 2,
        connection_timeout = "5s",
        test_on_check_out = true,
        reaper_rate = "30s",
        connection_customizer = Customizer,
        error_sink = Sink,
    }
}

fn main() {}
