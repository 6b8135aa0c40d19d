use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) {
        path = "app.db",
    }
}

fn main() {}
