use session_factory::{SessionFactory, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

impl AppDb {
    fn first_key() -> &'static str {
        Self::KEYS[0].name
    }
}

trait Named {
    const NAME: &'static str;
}

impl Named for AppDb {
    const NAME: &'static str = "app";
}

fn keys_of<F: SessionFactory>() -> usize {
    F::KEYS.len()
}

fn main() {
    assert_eq!((AppDb::first_key(), <AppDb as Named>::NAME), ("DATABASE_URL", "app"));
    assert_eq!(keys_of::<AppDb>(), AppDb::KEYS.len());
}
