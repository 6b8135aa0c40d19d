use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres);
    pub struct Other(Sqlite) {
        prefix = "OTHER_",
    }
    pub struct Other(Postgres);
}

fn main() {}
