// mistakes: 4
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        small: u8 = 300,
        batch: u32 = -1,
        signed: i8 = env("SIGNED", default = 200),
        limit: std::num::NonZeroU32 = 0,
    }
}

fn main() {}
