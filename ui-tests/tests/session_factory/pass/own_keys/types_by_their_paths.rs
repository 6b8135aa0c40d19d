use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) {
        wait: std::time::Duration = env("WAIT", default = "5s"),
        limit: core::num::NonZeroU32 = env("LIMIT", default = "3"),
        small: i8 = -128,
        large: u64 = 18446744073709551615,
        letter: char = env("LETTER", default = ";"),
    }
}

fn main() {
    let config = AppDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| "sqlite::memory:".into()));
    let config = config.expect("all others have defaults");
    assert_eq!((config.limit.get(), config.small, config.large, config.letter), (3, i8::MIN, u64::MAX, ';'));
}
