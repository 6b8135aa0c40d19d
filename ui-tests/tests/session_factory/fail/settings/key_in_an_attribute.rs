//! As clap, envconfig and serde have it.
// mistakes: 6
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        #[env("BATCH")]
        batch: u32,
        #[env = "ROWS"]
        rows: u32 = 5,
        #[arg(long, env = "COLUMNS", default_value = "5")]
        columns: u32,
        #[default(500)]
        limit: u32,
        #[env("POOL")]
        pool_size: u32,
        #[envconfig(from = "REGION", default = "eu")]
        region: String,
    }
}

fn main() {}
