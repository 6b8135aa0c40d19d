use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres);
}

session_factory! {
    pub struct AppDb(Sqlite) {
        prefix = "LOCAL_",
    }
}

fn main() {}
