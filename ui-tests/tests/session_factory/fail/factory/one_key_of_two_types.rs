// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) {
        batch: u32 = env("BATCH", default = 5),
        wait: std::time::Duration = env("WAIT", default = "1s"),
    }
    pub struct ReportsDb(Sqlite) {
        prefix = "REPORTS_",
        batch: String = env("BATCH", default = "all"),
        echo = env("DB_POOL_SIZE", default = false),
        pool_timeout = env("WAIT", default = "1s"),
    }
}

fn main() {}
