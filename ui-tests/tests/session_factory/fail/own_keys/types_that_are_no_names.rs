// mistakes: 3
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pair: (u32, u32) = env("PAIR"),
        bytes: [u8; 4] = env("BYTES"),
        any: _ = env("ANY"),
    }
}

fn main() {}
