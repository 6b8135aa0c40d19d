use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) {
        pool_size = 2,
        max_overflow = 1,
    }
    pub struct Open(Sqlite) {
        prefix = "OPEN_",
        pool_size = 2,
    }
}

fn main() {
    use session_factory::SessionFactory;
    assert_eq!((AppDb::FIXED_LIMIT, Open::FIXED_LIMIT), (Some(3), None));
}
