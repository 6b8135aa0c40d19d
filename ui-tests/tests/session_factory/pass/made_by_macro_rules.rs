use session_factory::session_factory;

macro_rules! factory {
    ($name:ident, $backend:ident, $prefix:literal, $size:expr, $key:ident: $ty:ty = $default:literal) => {
        session_factory! {
            pub struct $name($backend) {
                prefix = $prefix,
                pool_size = $size,
                $key: $ty = env("KEY", default = $default),
            }
        }
    };
}

factory!(AppDb, Sqlite, "APP_", 5, batch: u32 = 7);

fn main() {
    assert_eq!(AppDb::KEYS[0].name, "APP_DATABASE_URL");
}
