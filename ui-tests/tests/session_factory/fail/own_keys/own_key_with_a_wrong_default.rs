// mistakes: 4
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        batch: u32 = env("BATCH", default = "many"),
        ratio: f64 = env("RATIO", default = true),
        small: u8 = "256",
        every: std::time::Duration = env("EVERY", default = "often"),
    }
}

fn main() {}
