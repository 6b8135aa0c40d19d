use session_factory::session_factory;

#[cfg(any())]
session_factory! {
    pub struct AppDb(Postgres);
}

#[cfg(all())]
session_factory! {
    pub struct AppDb(Sqlite) {
        prefix = "LOCAL_",
    }
}

fn main() {
    assert_eq!(AppDb::KEYS[0].name, "LOCAL_DATABASE_URL");
}
