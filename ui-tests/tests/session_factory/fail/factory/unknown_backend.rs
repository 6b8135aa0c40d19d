// mistakes: 4
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(PostgreSQL);
    pub struct Other(Oracle);
    pub struct Third(Sqlit) {
        ecko = true,
    }
}

fn keys() -> usize {
    // They are still there, so that this is not an error as well.
    AppDb::KEYS.len() + Other::KEYS.len() + Third::KEYS.len()
}

fn main() {}
