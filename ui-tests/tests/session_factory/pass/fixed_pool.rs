use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) {
        pool_size = 2,
        max_overflow = 1,
    }
    pub struct One(Sqlite) {
        prefix = "ONE_",
        pool_size = 1,
        max_overflow = 0,
    }
    pub struct Open(Sqlite) {
        prefix = "OPEN_",
        pool_size = 2,
    }
}

fn fixed_at_one<F: session_factory::SessionFactory<Pool = session_factory::__private::PoolOfOne>>() {}
fn any<F: session_factory::SessionFactory<Pool = session_factory::__private::AnyPool>>() {}

fn main() {
    fixed_at_one::<One>();
    any::<AppDb>();
    any::<Open>();
}
